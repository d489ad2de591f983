"""The runs of a race in a file of JSON lines: appended as they end, so that a race can be stopped and gone on with."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

RunKey = tuple[str, str, int, int]


@dataclass(frozen=True)
class Run:
    """One study. All sequences have an element per trial, in the order in which trials ended or were suggested."""

    problem: str
    method: str
    batch: int
    seed: int
    hypervolume: tuple[float, ...]
    """After each result, in the units of the problem's axes multiplied: the best that is known may yet change."""
    seconds: tuple[float, ...]
    """CPU seconds of each suggestion, and of being told the results that came since the one before."""
    versions: Mapping[str, str]
    describe: str
    """``git describe`` of the code that ran."""

    @property
    def key(self) -> RunKey:
        return self.problem, self.method, self.batch, self.seed


def read_runs(path: Path) -> list[Run]:
    """The runs in the file, of those with the same key the last; none where there is no file."""
    if not path.exists():
        return []
    runs: dict[RunKey, Run] = {}
    for line in path.read_text().splitlines():
        values = json.loads(line)
        run = Run(**{**values, "hypervolume": tuple(values["hypervolume"]), "seconds": tuple(values["seconds"])})
        runs[run.key] = run
    return list(runs.values())


def append_run(path: Path, run: Run) -> None:
    with open(path, "a") as file:
        file.write(json.dumps(asdict(run)) + "\n")


def done(runs: Iterable[Run], n_trials: int) -> set[RunKey]:
    """The keys of the runs that have at least so many trials."""
    return {run.key for run in runs if len(run.hypervolume) >= n_trials}
