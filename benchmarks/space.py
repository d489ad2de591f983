"""How long does it take to read a large search space from a project, composing included?

A space of 100 parameters and 5 config groups of 10 options each: 20 parameters of each group, half of which only some
of its options have. Each option is composed once, and points that together hold every option are composed, too.

    python benchmarks/space.py [--groups 5] [--options 10] [--parameters 100] [--runs 3]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from measure import Row, median_row, print_table
from omegaconf import DictConfig

from ax_mo.hydra_project.project import Project
from ax_mo.search_space.build import build_space


class CountingProject(Project):
    """A project that knows how often it composed."""

    composed = 0

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        self.composed += 1
        return super().compose(overrides)


def write_project(directory: Path, groups: int, options: int, parameters: int) -> dict[str, str]:
    """The config files, and the ``params`` of the sweep."""
    each = parameters // groups
    names = [f"group{index}" for index in range(groups)]
    defaults = ", ".join(f"{{{name}: option0}}" for name in names)
    (directory / "config.yaml").write_text(f"defaults: [{defaults}, _self_]\nseed: 1\n")
    params: dict[str, str] = {}
    for name in names:
        (directory / name).mkdir()
        params[name] = f"choice({', '.join(f'option{index}' for index in range(options))})"
        for key in range(each):
            params[f"{name}.key{key}"] = ("interval(0, 1)", "choice(a, b, c)", "int(interval(1, 9))")[key % 3]
        for index in range(options):
            # Every option has the even keys; each odd key is in three of them.
            keys = [key for key in range(each) if key % 2 == 0 or (key - index) % options in (0, 1, 2)]
            (directory / name / f"option{index}.yaml").write_text("".join(f"key{key}: null\n" for key in keys))
    return params


def project_of(loader: ConfigLoader) -> CountingProject:
    return CountingProject(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--options", type=int, default=10)
    parser.add_argument("--parameters", type=int, default=100, help="besides the groups")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ax_mo-bench-") as name:
        directory = Path(name).resolve()
        params = write_project(directory, arguments.groups, arguments.options, arguments.parameters)
        with initialize_config_dir(str(directory), version_base=None):
            loader = GlobalHydra.instance().config_loader()
            single = []
            for _ in range(arguments.runs):
                started = time.perf_counter()
                project_of(loader).compose([])
                single.append(time.perf_counter() - started)
            whole = []
            for _ in range(arguments.runs):
                project = project_of(loader)
                started = time.perf_counter()
                space = build_space(params, [], [], project).space
                whole.append(time.perf_counter() - started)
    conditional = sum(bool(parameter.when) for parameter in space.parameters)
    print_table(
        f"A space of {len(space.parameters)} parameters, {conditional} of them conditional",
        [
            median_row("the space, composing included", whole, "s", bar=3.0),
            Row("configurations composed", project.composed, ""),
            Row("one project opened and composed", statistics.median(single) * 1000, "ms"),
        ],
    )


if __name__ == "__main__":
    main()
