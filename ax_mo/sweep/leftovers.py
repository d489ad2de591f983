"""What sweepers and trials that were killed have left in a sweep directory of files that they were writing."""

import re
from collections.abc import Iterable
from pathlib import Path

from ax_mo.html_report import REPORT
from ax_mo.hydra_project.saved import MULTIRUN
from ax_mo.results.files import PARETO, RESULTS, TRIALS
from ax_mo.storage.dump import DUMP
from ax_mo.storage.home import HOME
from ax_mo.trackers import FOLDER
from ax_mo.trial.files import OF_A_TRIAL, remove_unfinished

_OF_A_SWEEP = (MULTIRUN, TRIALS, RESULTS, DUMP, REPORT, HOME, HOME.lstrip("."))
_OF_PARETO = re.compile(r"(trial|imported)_\d+\.yaml")


def remove_leftovers(sweep_dir: Path, ended: Iterable[str]) -> None:
    """For the one that holds the directory's lock; ``ended`` are the directories of runs that nobody writes in."""
    remove_unfinished(sweep_dir, _OF_A_SWEEP.__contains__)
    remove_unfinished(sweep_dir / PARETO, lambda name: _OF_PARETO.fullmatch(name) is not None)
    remove_unfinished(sweep_dir / FOLDER, lambda name: name.endswith(".json"))
    for directory in ended:
        remove_unfinished(sweep_dir / directory, OF_A_TRIAL.__contains__)
