"""What a parameter is, and what is not there, survive an export."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, TrialRun
from ax_mo.results.tables import frame, trial_as_json
from ax_mo.search_space.parameters import Choice, Condition, Option
from ax_mo.search_space.space import SearchSpace
from tests.cli.conftest import Cli, Make, stored
from tests.support import studies
from tests.support.trials import make_run

pd = pytest.importorskip("pandas")

SPACE = SearchSpace((
    Choice("flag", (Option(True, "true"), Option(False, "false"))),
    Choice("mixed", (Option(2.5, "2.5"), Option("2.5", "'2.5'"), Option("x", "x"))),
    Choice("units", (Option(None, "null"), Option(8, "8")), when=(Condition("plain", ("a", "b")),)),
    Choice("plain", (Option("a", "a"), Option("b", "b"), Option([1, 2], "[1,2]"))),
))  # fmt: skip
POINTS = [
    {"flag": True, "mixed": 2.5, "units": None, "plain": "a"},
    {"flag": False, "mixed": "2.5", "units": 8, "plain": "b"},
    {"flag": True, "mixed": "x", "plain": [1, 2]},
]


def trial(number: int, point: dict[str, Any], metrics: dict[str, float]) -> TrialRun:
    return make_run(
        number, status=Status.COMPLETED, point=point, overrides=tuple(SPACE.overrides(point)), metrics=metrics
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    trials = [trial(n, point, {"loss": 0.5}) for n, point in enumerate(POINTS)]
    return stored(studies.record(tmp_path / "sweep", trials, parse_goals({"loss": "minimize"}), SPACE)).directory


def test_parquet_keeps_types_and_tells_values_apart(cli: Cli, directory: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert cli("export", directory, "--to", tmp_path / "t.parquet").code == 0
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert cli("export", directory, "--to", tmp_path / "t.csv").code == 0
    header = (tmp_path / "t.csv").read_text().splitlines()[0]
    assert ",".join([table.index.name, *table.columns]) == header
    assert table["params.flag"].tolist() == [True, False, True] and table["params.flag"].dtype == "boolean"
    assert table["params.mixed"].tolist() == ["2.5", '"2.5"', '"x"']
    assert table["params.units"].fillna("").tolist() == ["null", "8", ""]
    assert table["params.plain"].tolist() == ["a", "b", "[1, 2]"]


def test_csv_has_the_same_words_as_hydra(cli: Cli, directory: Path, tmp_path: Path) -> None:
    assert cli("export", directory, "--to", tmp_path / "t.csv").code == 0
    rows = pd.read_csv(io.StringIO((tmp_path / "t.csv").read_text()), dtype=str, keep_default_na=False)
    assert rows["params.flag"].tolist() == ["true", "false", "true"]
    assert rows["params.units"].tolist() == ["null", "8", ""]
    shown = cli("pareto", directory, "--format", "md").out
    assert shown.count("| true |") == 2 and shown.count("| null |") == 1


def test_notebook_has_the_values_themselves(directory: Path) -> None:
    from ax_mo.storage.snapshot import read_snapshot

    record = read_snapshot(directory)
    table = frame(record.trials, record)
    assert table["params.mixed"].tolist() == [2.5, "2.5", "x"]
    assert trial_as_json(record.trials[1], record, ())["params"] == POINTS[1]


def test_export_that_fails_leaves_the_file_that_was_there(
    cli: Cli, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(_table: Any, part: Path) -> None:
        part.write_text("half")
        raise OSError("no space left")

    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    path.write_text("a good one")
    monkeypatch.setattr(pd.DataFrame, "to_parquet", half)
    done = cli("export", directory, "--to", path, "--force")
    assert done.code == 1 and "no space left" in done.err and path.read_text() == "a good one"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_number_that_json_has_no_word_for_is_null(cli: Cli, tmp_path: Path) -> None:
    trials = [trial(n, POINTS[0], {"a": 1e200 * n, "b": -1e200 * n}) for n in range(3)]
    goals = parse_goals({"a": "minimize", "b": "minimize"})
    directory = stored(studies.record(tmp_path / "huge", trials, goals, SPACE)).directory
    for command in (["status", directory], ["compare", directory, directory]):
        done = cli(*command, "--json")
        assert done.code == 0 and "Infinity" not in done.out, done.err


def test_closed_output_is_no_traceback(make: Make) -> None:
    line = f"exec {sys.executable} -m ax_mo status {make(12).directory} >&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
