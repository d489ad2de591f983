"""Names of the package: each public one means one thing."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
EVERYWHERE = {"log", "main", "T"}
"""A module's logger, what a program runs, and a type variable."""


def defined(module: Path) -> set[str]:
    """The public functions, classes and constants of a module."""
    names: list[str] = []
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return {name for name in names if not name.startswith("_")} - EVERYWHERE


def test_no_public_name_is_defined_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module in [*ROOT.glob("ax_mo/**/*.py"), *ROOT.glob("hydra_plugins/**/*.py")]:
        for name in defined(module):
            places[name].append(str(module.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
