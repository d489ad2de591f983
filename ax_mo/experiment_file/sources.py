"""The source files of a project: its script, what that imports of the project, and the classes that its config names.

They are read, never imported: that would run them.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from ax_mo.hydra_project.program import Program, interpreter_options

_MOST_FILES = 60
_ELSEWHERE = ("site-packages", "dist-packages")
"""Of a path: an installed library, and not the project."""


@dataclass(frozen=True)
class Source:
    """A file of the project, and what it says."""

    path: Path
    tree: ast.Module


def read_sources(program: Program, config: Mapping[str, Any]) -> list[Source]:
    """The script first, then the nearest of what it imports and of what ``_target_`` names."""
    script = _script(program)
    roots = _roots(program, script)
    todo = [] if script is None else [script]
    todo += [file for name in _targets(config) if (file := _file_of(name.rpartition(".")[0], roots, None))]
    seen: dict[Path, Source] = {}
    while todo and len(seen) < _MOST_FILES:
        path = todo.pop(0)
        if path in seen:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, SyntaxError, ValueError):
            continue
        seen[path] = Source(path, tree)
        is_installed = path == script and _is_console_script(program)
        todo += [file for name in _imports(tree) if (file := _file_of(name, roots, path, is_installed))]
    return list(seen.values())


def libraries(sources: Sequence[Source]) -> set[str]:
    """The top-level names of all that they import."""
    return {name.partition(".")[0] for source in sources for name in _imports(source.tree) if name[:1] != "."}


def _script(program: Program) -> Path | None:
    name = program.prefix[-1]
    if not interpreter_options(program.prefix)[1]:
        return program.cwd / name
    parts = name.split(".")
    for path in (program.cwd.joinpath(*parts).with_suffix(".py"), program.cwd.joinpath(*parts, "__main__.py")):
        if path.is_file():
            return path
    found = _file_of(name, [program.cwd], None, is_installed=True)
    return found.parent / "__main__.py" if found is not None and found.name == "__init__.py" else found


def _is_console_script(program: Program) -> bool:
    return not interpreter_options(program.prefix)[1] and not program.prefix[-1].endswith(".py")


def _roots(program: Program, script: Path | None) -> list[Path]:
    """Where modules of the project may lie: scripts often put the directory above theirs on the path."""
    near = [] if script is None else [script.parent, script.parent.parent]
    return list(dict.fromkeys([program.cwd, *near, program.cwd / "src"]))


def _targets(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        if isinstance(target := config.get("_target_"), str):
            yield target
        for value in config.values():
            yield from _targets(value)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names of modules, relative ones with their dots; of ``from a import b``, both ``a.b`` and ``a``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}{'' if base.endswith('.') else '.'}{alias.name}" for alias in node.names)
            yield base


def _file_of(name: str, roots: Sequence[Path], importer: Path | None, is_installed: bool = False) -> Path | None:
    """The file of a module of the project; None for one of a library, unless that is what ``is_installed``."""
    relative = name.lstrip(".")
    if relative != name:
        if importer is None:
            return None
        roots = [importer.parents[len(name) - len(relative) - 1]]
    parts = relative.split(".")
    for root in roots:
        if (found := _in(root.joinpath(*parts))) is not None:
            return found
    if relative != name or parts[0] in sys.stdlib_module_names or not parts[0]:
        return None
    spec = PathFinder.find_spec(parts[0])  # of an editable install, or what PYTHONPATH has
    if spec is None or spec.origin is None or not (is_installed or not _is_library(Path(spec.origin))):
        return None
    origin = Path(spec.origin)
    return _in(origin.parent.joinpath(*parts[1:])) if len(parts) > 1 else origin


def _in(path: Path) -> Path | None:
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if file.is_file() and not _is_library(file):
            return file
    return None


def _is_library(path: Path) -> bool:
    return any(part in _ELSEWHERE for part in path.parts)
