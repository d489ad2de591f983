"""The example's study on an engine, with all that happens to one: a failure, a trial that is ended by hand, SIGKILL."""

import csv
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.sweeps import ROOT, Finished, environment, run
from tests.support.waiting import wait_until

_TRIALS = 12
_PATIENCE = 300.0
"""Seconds for some trials, each of which imports torch."""
_SEARCHED = "{model.dropout: 'choice(0.1,0.3,7)', model.hidden1: 'tag(log,int(interval(16,128)))'}"
"""torch refuses a dropout of 7."""
FILES = {
    "command.sh", "curve.jsonl", "lightning.json", "result.json", "stderr.log", "stdout.log", "train.log", "trial.json",
    ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml",
}  # fmt: skip
"""What a trial of the example leaves on this machine."""


def command(directory: Path, options: Sequence[str]) -> list[str]:
    return [
        sys.executable, "train.py", "-m", "+experiment=nas", f"hydra.sweeper.params={_SEARCHED}",
        "trainer.max_epochs=2", f"hydra.sweeper.n_trials={_TRIALS}", "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.max_failure_rate=1.0", "hydra.sweeper.seed=3", f"hydra.sweep.dir={directory}", *options,
    ]  # fmt: skip


def trials_of(directory: Path) -> list[dict[str, str]]:
    if not (directory / "trials.csv").exists():
        return []
    with (directory / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run_with_mishaps(directory: Path, options: Sequence[str], end_trial: Callable[[str], bool]) -> Finished:
    """Run the study; end one of its trials by hand, SIGKILL the sweeper in the middle, and resume.

    ``end_trial`` ends the one of that number, and says whether there was one.
    """
    argv, cwd = command(directory, options), ROOT / "example_project"
    first = subprocess.Popen(
        argv, cwd=cwd, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: end_trial("1"), _PATIENCE)
    ended = ("completed", "failed")
    wait_until(lambda: sum(trial["status"] in ended for trial in trials_of(directory)) >= 4, _PATIENCE)
    first.send_signal(signal.SIGKILL)
    first.wait()
    return run(argv, cwd, timeout=3 * _PATIENCE)


def assert_sound(directory: Path) -> None:
    """All trials have run once, and have left what they leave on this machine."""
    trials = trials_of(directory)
    assert [trial["attempt"] for trial in trials] == ["1"] * _TRIALS
    completed = [trial for trial in trials if trial["status"] == "completed"]
    failed = {trial["trial"]: trial["reason"] for trial in trials if trial["status"] == "failed"}
    assert len(completed) + len(failed) == _TRIALS and len(completed) >= 5
    assert "1" in failed, "the one that was ended by hand"
    assert any("Error in call to target 'digits.models.MLP'" in reason for reason in failed.values()), failed
    for trial in completed:
        place = directory / trial["dir"]
        left = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        assert left - {".pid", ".heartbeat", "slurm.log"} == FILES
        assert (place / "train.log").read_text().count("val_acc") <= 1
