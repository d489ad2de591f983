"""Exit codes and --json are the same for all commands, as docs/how_to/shell.md says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.cli.commands import COMMANDS
from ax_mo.core.trial import Status
from ax_mo.storage.dump import write_dump
from ax_mo.storage.store import read_studies
from tests.support import studies

from .conftest import Cli, stored

LINES = {
    "status": "{s}", "pareto": "{s} --max val_acc", "show": "{s} 1", "promote": "{s} 5 --to {t}/best.yaml",
    "report": "{s}", "export": "{s} --to {t}/trials.csv", "rebuild": "{s} --force", "adopt": "{s}",
    "compare": "{s} {s}", "enqueue": "{s} width=20 act=relu", "stop": "{s} 11", "pause": "{s}", "resume": "{s}",
    "set": "{s} n_trials=90", "plot": "{s} timeline --to {t}/figure.html",
}  # fmt: skip
"""A line of each command that can be done."""
KEYS = {
    "status": {"study", "state", "counts", "best", "front", "hypervolume", "reference_point", "last_failures"},
    "pareto": {"trial", "status", "pareto", "params", "metrics", "overrides", "directory"},
    "show": {"trial", "metrics", "config", "command", "run_again", "curve", "logs"},
    "promote": {"trial", "file", "command", "notes"},
    "report": {"file"},
    "export": {"file", "trials"},
    "rebuild": {"database", "runs", "remarks", "kept"},
    "adopt": {"open"},
    "compare": {"reference_point", "studies"},
    "enqueue": {"taken", "message"},
    "stop": {"stops"},
    "pause": {"taken", "message"},
    "resume": {"taken", "message"},
    "set": {"taken", "message"},
    "plot": {"file"},
}
"""What scripts may rely on."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A study with all that the commands need: its dump, and a file of its front."""
    monkeypatch.setattr("ax_mo.html_report.update.update_report", lambda read, path: path.write_text("page"))
    trials = list(studies.study(tmp_path / "sweep", 12).runs)
    trials[-1] = replace(trials[-1], status=Status.RUNNING, metrics={}, ended=None)
    record = stored(studies.record(tmp_path / "sweep", trials))
    (study,) = read_studies(f"sqlite:///{record.directory}/study.db")
    write_dump(record.directory, study, None)
    (record.directory / "pareto").mkdir()
    (record.directory / "pareto" / "trial_5.yaml").write_text("# @package _global_\n")
    return {"s": record.directory, "t": tmp_path}


def words(command: str, place: dict[str, Path]) -> list[str]:
    return [command, *LINES[command].format(**place).split()]


@pytest.mark.parametrize("command", LINES)
def test_what_can_be_done_is_code_0_and_with_json_one_value(cli: Cli, place: dict[str, Path], command: str) -> None:
    if command == "resume":
        assert cli("pause", place["s"]).code == 0
    done = cli(*words(command, place), "--json")
    assert (done.code, done.err) == (0, "")
    value = json.loads(done.out)
    assert KEYS[command] <= (value[0] if command == "pareto" else value).keys()


@pytest.mark.parametrize("command", LINES)
def test_what_cannot_be_done_is_code_1_and_one_line(cli: Cli, place: dict[str, Path], command: str) -> None:
    line = [word.replace(str(place["s"]), str(place["t"] / "nothing")) for word in words(command, place)]
    for more in ([], ["--json"]):
        done = cli(*line, *more)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("ax-mo: ") and done.err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_not_understood_is_code_2_and_usage(cli: Cli, command: str) -> None:
    done = cli(command, "--frobnicate")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"usage: ax-mo {command} ") and f"ax-mo {command}: error: " in done.err


def test_every_command_takes_json_that_has_an_answer_for_scripts() -> None:
    without = {name for name, (*_, arguments) in COMMANDS.items() if "--json" not in arguments}
    assert without == {"init", "completion", "watch"}


def test_interrupt_is_code_130(cli: Cli, place: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ax_mo.cli.shared.read_snapshot", interrupted)
    done = cli("status", place["s"])
    assert (done.code, done.out, done.err) == (130, "", "")
