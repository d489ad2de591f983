"""What the installed plugins cost every Hydra app, ``python train.py`` with them against without them; and how soon a
sweep is at work, from the command to its first submitted trial.

Hydra imports all installed plugins whenever any app starts, so this is paid by people who do not sweep at all.

Two virtual environments are made from links to this one's packages. They differ in our distribution alone: one lacks
its packages, plugins, entry points and path file. Every other plugin (Hydra's joblib launcher, say) is in both, and
the benchmark asks Hydra itself in each of them what plugins it sees before it measures.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
import venv
from importlib.metadata import distribution
from pathlib import Path

from measure import (
    TRIVIAL_STUDY,
    added_row,
    app_in_a_temporary_directory,
    interleaved,
    median_row,
    print_table,
    python,
    run,
    seconds,
    trials_of,
)

_BAR_MS = 20.0
_BAR_SECONDS = 1.5
_OURS = "hydra-ax-mo"
_LIST_PLUGINS = (
    "import json; from hydra.core.plugins import Plugins; "
    "print(json.dumps(sorted(c.__module__ for c in Plugins.instance().discover())))"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30, help="starts of each kind (default: 30)")
    parser.add_argument("--sweeps", type=int, default=7, help="starts of a sweep (default: 7)")
    options = parser.parse_args()
    runs = options.runs
    with app_in_a_temporary_directory() as directory:
        with_plugins = linked_environment(directory / "with", leave_out=frozenset())
        without = linked_environment(directory / "without", leave_out=our_entries())
        added = sorted(set(_plugins(with_plugins)) - set(_plugins(without)))
        if not added or not all(name.startswith(("hydra_plugins.ax_mo", "hydra_plugins.torchx")) for name in added):
            raise SystemExit(f"The two environments should differ in our plugins alone; they differ in {added}.")
        commands = {
            name: lambda python=python: 1e3 * run([str(python), "train.py"], directory)
            for name, python in (("with", with_plugins), ("without", without))
        }
        interleaved(commands, 2)  # compiles, and fills the page cache
        times = interleaved(commands, runs)
        begun = [_until_submitted(directory, directory / f"sweep{number}") for number in range(options.sweeps + 1)]
    rows = [
        median_row("python train.py, plugins installed", times["with"], "ms"),
        median_row("python train.py, without them", times["without"], "ms"),
        added_row("the plugins' cost", times["with"], times["without"], "ms", _BAR_MS),
    ]
    print_table(f"Start of a trivial app ({', '.join(added)})", rows)
    print_table("Start of a sweep", [median_row("command to first submitted trial", begun[1:], "s", _BAR_SECONDS)])


def _until_submitted(directory: Path, sweep_dir: Path) -> float:
    """Seconds from the command of a sweep to its first trial."""
    began = time.time()
    run(python("train.py", *TRIVIAL_STUDY, "hydra.sweeper.n_trials=1", f"hydra.sweep.dir={sweep_dir}"), directory)
    return seconds(trials_of(sweep_dir)[0]["submitted"]) - began


def our_entries() -> frozenset[str]:
    """What belongs to our distribution in site-packages, by its path there: also of an editable installation."""
    entries: set[str] = set()
    for file in distribution(_OURS).files or ():
        depth = 2 if file.parts[0] == "hydra_plugins" else 1
        entries.add("/".join(file.parts[:depth]))
    return frozenset(entries)


def linked_environment(directory: Path, leave_out: frozenset[str]) -> Path:
    """A virtual environment with this one's packages, without some of them; returns its interpreter."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(directory)
    python = directory / "bin" / "python"
    (site,) = directory.glob("lib/python*/site-packages")
    for folder in dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib")):
        for entry in Path(folder).iterdir():
            if entry.name == "hydra_plugins":  # shared by several distributions
                (site / entry.name).mkdir(exist_ok=True)
                _link(entry, site, leave_out, prefix="hydra_plugins/")
            elif entry.name not in leave_out and not (site / entry.name).exists():
                (site / entry.name).symlink_to(entry)
    return python


def _link(folder: Path, site: Path, leave_out: frozenset[str], prefix: str) -> None:
    for entry in folder.iterdir():
        if prefix + entry.name not in leave_out:
            (site / prefix / entry.name).symlink_to(entry)


def _plugins(python: Path) -> list[str]:
    """The modules of all plugins that Hydra finds there."""
    out = subprocess.run([python, "-c", _LIST_PLUGINS], check=True, capture_output=True, text=True, cwd=os.sep).stdout
    return list(json.loads(out))


if __name__ == "__main__":
    sys.exit(main())
