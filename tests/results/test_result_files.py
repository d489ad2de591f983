"""The files in the sweep directory."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, TrialRun
from ax_mo.results import files
from ax_mo.results.files import ResultFiles, results_yaml, trials_csv
from tests.support.cost import bytecodes
from tests.support.trials import make_run

GOALS = parse_goals({"acc": "maximize", "size": "minimize"}, None, ["seconds <= 60"])
KEYS = ("model", "optim.lr")


def trial(number: int, acc: float, size: float) -> TrialRun:
    point = {"model": "mlp", "optim.lr": 0.1}
    metrics = {"acc": acc, "size": size, "seconds": 1}
    return make_run(
        number, status=Status.COMPLETED, point=point, overrides=("model=mlp",), generator="sobol", metrics=metrics
    )


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# trials.csv


def rows(*trials: TrialRun) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(trials_csv(trials, KEYS, GOALS))))


def test_csv_holds_every_trial_with_parameters_metrics_and_times() -> None:
    done = replace(trial(0, 0.9, 10), attempt=2, asked="t0", submitted="t1", started="t2", ended="t3")
    failed = make_run(
        1, status=Status.FAILED, point={"model": "cnn", "optim.lr": 0.5}, generator="model", reason="killed by SIGKILL"
    )
    first, second = rows(done, failed)
    assert first == {
        "trial": "0", "status": "completed", "params.model": "mlp", "params.optim.lr": "0.1", "metrics.acc": "0.9",
        "metrics.size": "10", "metrics.seconds": "1", "reason": "", "generator": "sobol", "attempt": "2",
        "asked": "t0", "submitted": "t1", "started": "t2", "ended": "t3", "dir": "0",
    }  # fmt: skip
    assert second["status"] == "failed"
    assert second["reason"] == "killed by SIGKILL"
    assert (second["metrics.acc"], second["metrics.seconds"], second["ended"]) == ("", "", "")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('a,"b"\nc', 'a,"b"\nc'),
        ("", ""),
        ("é", "é"),
        (True, "true"),
        (None, "null"),
        ([1, "a"], '[1, "a"]'),
        ({"a": None}, '{"a": null}'),
        (1e-5, "1e-05"),
        (math.nan, "nan"),
    ],
)
def test_awkward_value_is_one_readable_cell(value: object, cell: str) -> None:
    (row,) = rows(replace(trial(0, 0.9, 10), point={"model": value, "optim.lr": 1}))
    assert row["params.model"] == cell
    assert row["params.optim.lr"] == "1"


# optimization_results.yaml


def test_yaml_lists_the_front_in_hydras_convention() -> None:
    trials = [trial(0, 0.9, 10), trial(1, 0.8, 20), trial(2, 0.95, 30)]
    assert yaml.safe_load(results_yaml(trials, GOALS)) == {
        "name": "ax_mo",
        "solutions": [
            {"trial": number, "dir": str(number), "params": {"model": "mlp", "optim.lr": 0.1}, "values": values}
            for number, values in [(0, {"acc": 0.9, "size": 10}), (2, {"acc": 0.95, "size": 30})]
        ],
    }


def test_yaml_names_the_best_trial_as_optuna_does_where_there_is_one_objective() -> None:
    goals = parse_goals({"acc": "maximize"}, None, ["size <= 25"])
    found = yaml.safe_load(results_yaml([trial(0, 0.9, 10), trial(1, 0.8, 20), trial(2, 0.95, 30)], goals))
    assert (found["best_params"], found["best_value"]) == ({"model": "mlp", "optim.lr": 0.1}, 0.9)
    assert [solution["trial"] for solution in found["solutions"]] == [0]
    assert yaml.safe_load(results_yaml([], goals)) == {"name": "ax_mo", "solutions": []}


def test_yaml_tells_which_points_meet_the_thresholds_where_there_are_any() -> None:
    goals = parse_goals({"acc": {"goal": "maximize", "threshold": 0.92}, "size": "minimize"})
    solutions = yaml.safe_load(results_yaml([trial(0, 0.9, 10), trial(1, 0.95, 30)], goals))["solutions"]
    assert [solution["meets_thresholds"] for solution in solutions] == [False, True]


def test_yaml_keeps_the_type_of_awkward_values() -> None:
    point = {"a": "1", "b": "null", "c": None, "d": [1, {"e": True}], "f": "é: #x", "g": 1.0}
    (solution,) = yaml.safe_load(results_yaml([replace(trial(0, 0.9, 10), point=point)], GOALS))["solutions"]
    assert solution["params"] == point


# The writer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, and the time that this thread has used of a processor."""
    now = [100.0, 0.0]
    monkeypatch.setattr(files, "time", SimpleNamespace(monotonic=lambda: now[0], thread_time=lambda: now[1]))
    return now


def writer(
    directory: Path, text: Callable[[TrialRun], str | None] = lambda trial: f"trial: {trial.number}\n"
) -> ResultFiles:
    return ResultFiles(directory, KEYS, GOALS, text)


def refreshed(out: ResultFiles, *trials: TrialRun, at_once: bool = True) -> None:
    out.changed()
    out.refresh({t.key: t for t in trials}, {t.number: t for t in trials}, at_once=at_once)


def test_files_hold_the_trials_by_number_and_nothing_temporary_is_left(tmp_path: Path) -> None:
    refreshed(writer(tmp_path), trial(1, 0.8, 5), trial(0, 0.9, 10))
    assert names(tmp_path) == ["optimization_results.yaml", "pareto", "trials.csv"]
    assert names(tmp_path / "pareto") == ["trial_0.yaml", "trial_1.yaml"]
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["trial", "0", "1"]
    assert (tmp_path / "pareto/trial_1.yaml").read_text() == "trial: 1\n"


def test_repeats_stand_in_the_order_of_their_trials(tmp_path: Path) -> None:
    runs = [replace(trial(number, 0.9, 10), repeat=repeat) for repeat in (0, 1) for number in (1, 0)]
    out = writer(tmp_path)
    out.changed()
    out.refresh({run.key: run for run in runs}, {number: trial(number, 0.9, 10) for number in (1, 0)})
    rows = csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text()))
    assert [(row["trial"], row["repeat"]) for row in rows] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]


def test_cost_of_the_files_grows_with_the_trials_and_no_faster(tmp_path: Path) -> None:
    def refresh_of(count: int) -> int:
        failed = [replace(trial(number, 0.9, 10), status=Status.FAILED) for number in range(count)]
        return bytecodes(lambda: refreshed(writer(tmp_path), *failed))

    assert refresh_of(400) <= 10 * refresh_of(50)


def test_files_are_replaced_not_written_in_place(tmp_path: Path) -> None:
    out = writer(tmp_path)
    refreshed(out, trial(0, 0.9, 10))
    with open(tmp_path / "trials.csv") as reader:
        refreshed(out, trial(0, 0.9, 10), trial(1, 0.8, 5))
        assert len(reader.read().splitlines()) == 2  # who reads the old file sees it whole
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 3


def test_files_are_written_at_most_once_a_second(tmp_path: Path, clock: list[float]) -> None:
    def count() -> int:
        return len((tmp_path / "trials.csv").read_text().splitlines()) - 1

    out = writer(tmp_path)
    trials = [trial(number, 0.9, 10) for number in range(3)]
    refreshed(out, *trials[:1], at_once=False)
    assert count() == 1
    clock[0] += 0.9
    refreshed(out, *trials[:2], at_once=False)
    assert count() == 1
    clock[0] += 0.2
    out.refresh(
        {t.key: t for t in trials}, {t.number: t for t in trials}, at_once=False
    )  # the earlier change is not forgotten
    assert count() == 3


def test_what_takes_long_is_written_less_often(tmp_path: Path, clock: list[float]) -> None:
    def slow(t: TrialRun) -> str:
        clock[1] += 0.05
        return f"trial: {t.number}\n"

    out = writer(tmp_path, slow)
    refreshed(out, trial(0, 0.9, 10), at_once=False)
    clock[0] += 12.4
    refreshed(out, trial(0, 0.9, 10), trial(1, 0.95, 20), at_once=False)
    assert names(tmp_path / "pareto") == ["trial_0.yaml"]
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 3
    clock[0] += 0.2
    out.refresh({}, {t.number: t for t in (trial(0, 0.9, 10), trial(1, 0.95, 20))})
    assert names(tmp_path / "pareto") == ["trial_0.yaml", "trial_1.yaml"]
    refreshed(out, trial(2, 0.99, 5))
    assert names(tmp_path / "pareto") == ["trial_2.yaml"]


def test_pareto_files_of_trials_that_left_the_front_are_removed(tmp_path: Path) -> None:
    out = writer(tmp_path)
    refreshed(out, trial(0, 0.8, 20))
    (tmp_path / "pareto/mine.yaml").write_text("the user's own\n")
    refreshed(out, trial(0, 0.8, 20), trial(1, 0.9, 10))
    assert names(tmp_path / "pareto") == ["mine.yaml", "trial_1.yaml"]


def test_pareto_file_is_composed_once(tmp_path: Path) -> None:
    composed: list[int] = []

    def text(t: TrialRun) -> str:
        composed.append(t.number)
        return "x: 1\n"

    out = writer(tmp_path, text)
    refreshed(out, trial(0, 0.9, 10))
    refreshed(out, trial(0, 0.9, 10), trial(1, 0.95, 20))
    assert composed == [0, 1]


def test_trial_that_no_longer_composes_gets_no_pareto_file(tmp_path: Path) -> None:
    refreshed(writer(tmp_path, lambda _: None), trial(0, 0.9, 10))
    assert names(tmp_path / "pareto") == []


def test_pareto_file_of_a_directory_that_was_moved_is_written_again(tmp_path: Path) -> None:
    def of(directory: Path) -> ResultFiles:
        return writer(directory, lambda t: f"# Run it again: --config-dir {directory}\n")

    (tmp_path / "old").mkdir()
    refreshed(of(tmp_path / "old"), trial(0, 0.9, 10))
    (tmp_path / "old").rename(tmp_path / "new")
    refreshed(of(tmp_path / "new"), trial(0, 0.9, 10))
    assert (tmp_path / "new/pareto/trial_0.yaml").read_text() == f"# Run it again: --config-dir {tmp_path}/new\n"
