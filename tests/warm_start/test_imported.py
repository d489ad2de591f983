"""Which finished trials of an earlier study are data of a new one."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.repeats import Repeats
from ax_mo.core.trial import Status, TrialRun
from ax_mo.hydra_project.project import Project
from tests.warm_start.studies import (
    FILES,
    points,
    project_in,
    ran,
    read,
    record,
    why_left_out,
    write,
    write_run,
)

# What is imported


def test_finished_trials_are_imported_with_their_metrics_and_where_they_are(earlier: Path, project: Project) -> None:
    write_run(earlier, project, ran(0, 0.25), ran(3, 1))
    found = read(earlier, project)
    first, second = found.trials
    assert first == TrialRun(
        number=0,
        status=Status.IMPORTED,
        point={"x": 0.25},
        overrides=("x=0.25",),
        directory=str(earlier / "0"),
        generator="imported",
        handle=f"{earlier}#0",
        metrics=ran(0).metrics,
        started="t1",
        ended="t2",
    )
    assert repr(second.point) == "{'x': 1.0}" and second.handle == f"{earlier}#3"
    assert found.left_out == ()
    assert found.summary() == f"warm start: 2 trial(s) imported from {earlier}"


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAILED, Status.IMPORTED])
def test_only_completed_trials_count(earlier: Path, project: Project, status: Status) -> None:
    write_run(earlier, project, ran(0, status=status, metrics={}), ran(1, 0.75))
    found = read(earlier, project)
    assert points(found) == [{"x": 0.75}]
    assert found.left_out == ()


def test_trials_outside_the_space_are_left_out_and_counted_by_reason(earlier: Path, project: Project) -> None:
    outside = [ran(1, 2.5), ran(2, 3.5), ran(3, -1.0), ran(4, metrics={"loss": 1.0, "acc": 0.5, "memory": 1.0})]
    write_run(earlier, project, ran(0), *outside)
    found = read(earlier, project)
    assert points(found) == [{"x": 0.25}]
    assert found.summary().splitlines() == [
        f"warm start: 1 trial(s) imported from {earlier}; 4 left out:",
        "  2: x is above its upper bound 1",
        "  1: x is below its lower bound 0",
        "  1: it has no metric 'seconds'",
    ]


def test_trial_of_repeats_is_imported_once_with_its_means(earlier: Path, project: Project) -> None:
    runs = Repeats(3, "seed").runs(ran(0, 0.5))
    runs = [replace(run, metrics={**run.metrics, "loss": float(run.repeat or 0)}) for run in runs]
    runs[1] = replace(runs[1], status=Status.FAILED, metrics={}, reason="ValueError: x")
    unfinished = Repeats(2, "seed").runs(ran(1, 0.75))
    unfinished[1] = replace(unfinished[1], status=Status.RUNNING)
    write(earlier, *runs, *unfinished)
    (trial,) = read(earlier, project).trials
    assert trial.metrics == {**ran(0).metrics, "loss": 1.0}
    assert (trial.directory, trial.overrides, trial.repeat) == (str(earlier / "0" / "0"), ("x=0.5",), None)


# Keys that only one of the two studies searches


def test_key_not_searched_there_has_the_value_of_the_trials_own_configuration(earlier: Path, project: Project) -> None:
    write(earlier, ran(0), ran(1), ran(2))
    record(earlier / "0", project, "x=0.25", "y=0.75", "model=cnn")
    record(earlier / "1", project, "x=0.25", "y=2.0", "model=cnn")
    record(earlier / "2", project, "x=0.25", "~twice", "~y")
    found = read(earlier, project, x="interval(0,1)", y="interval(0,1)", model="mlp,cnn")
    assert points(found) == [{"x": 0.25, "y": 0.75, "model": "cnn"}]
    assert why_left_out(found) == ["y=2.0 is above its upper bound 1", "it gives no value for y"]


def test_configuration_of_a_repeated_trial_is_that_of_a_repeat_that_completed(earlier: Path, project: Project) -> None:
    runs = Repeats(2, "seed").runs(ran(0))
    write(earlier, replace(runs[0], status=Status.FAILED, metrics={}), runs[1])
    record(earlier / "0" / "1", project, "x=0.25", "y=0.75", "seed=1")
    (trial,) = read(earlier, project, x="interval(0,1)", y="interval(0,1)").trials
    assert trial.point == {"x": 0.25, "y": 0.75}
    assert trial.directory == str(earlier / "0" / "1"), "where Hydra's record is, for what runs the point again"


@pytest.mark.parametrize(
    ("there", "here_why"),
    [
        ({"y": 0.25}, "y was 0.25 there and is 0.5 here"),
        ({"model": "mlp"}, None),
        ({"model": "cnn"}, "model was cnn there and is mlp here"),
        ({"layers": [1, 2]}, None),
        ({"colour": "BLUE"}, "colour was BLUE there and is RED here"),
        ({"+model.depth": 3}, "model.depth was 3 there and does not exist here"),
        ({"needed": 3}, "needed was 3 there and is ??? here"),
        ({"++y": 0.5}, None),
        ({"seed": 3}, None),
    ],
)
def test_key_not_searched_here_must_have_been_as_it_is_here(
    earlier: Path, project: Project, there: Mapping[str, Any], here_why: str | None
) -> None:
    write_run(earlier, project, ran(0, point={"x": 0.25, **there}))
    for gone in (False, True):
        if gone:  # then the overrides say it
            shutil.rmtree(earlier / "0")
        found = read(earlier, project)
        assert points(found) == ([] if here_why else [{"x": 0.25}])
        assert why_left_out(found) == ([here_why] if here_why else [])


def test_key_added_there_may_have_come_into_the_project_since(earlier: Path, project: Project, tmp_path: Path) -> None:
    without_x = {"config": FILES["config.yaml"].replace("\nx: 0.5", "")}
    before = project_in(tmp_path / "before", **without_x)
    write_run(earlier, before, ran(0, point={"+x": 0.25}))
    assert points(read(earlier, project)) == [{"x": 0.25}]


def test_what_a_searched_group_brings_here_counts(earlier: Path, project: Project) -> None:
    trials = [ran(n, point={"model": "cnn", "model.kernel": kernel}) for n, kernel in enumerate((3, 5))]
    write_run(earlier, project, *trials)
    found = read(earlier, project, model="mlp,cnn")
    assert points(found) == [{"model": "cnn"}]
    assert why_left_out(found) == ["model.kernel was 5 there and is 3 here"]


def test_conditional_parameters_follow_this_studys_conditions(earlier: Path, project: Project) -> None:
    of_mlp = {"model": "mlp", "model.hidden": 5}
    write(earlier, ran(0, point=of_mlp), ran(1, point={"model": "cnn"}))
    record(earlier / "0", project, "model=mlp", "model.hidden=5")
    record(earlier / "1", project, "model=cnn", "model.kernel=5")
    found = read(earlier, project, model="mlp,cnn", model__hidden="int(interval(1,9))", model__kernel="choice(3,5)")
    assert points(found) == [of_mlp, {"model": "cnn", "model.kernel": 5}]


def test_option_that_is_not_searched_is_told_as_such(earlier: Path, project: Project) -> None:
    write_run(earlier, project, ran(0, point={"x": 0.25, "model": "cnn"}))
    found = read(earlier, project, x="interval(0,1)", model="mlp,rnn", model__width="interval(1,8)")
    assert why_left_out(found) == ["model='cnn' is not among mlp, rnn"]


# Trials whose directories are gone


@pytest.mark.parametrize("lost", ["hydra.yaml", "spoiled config.yaml", "all"])
def test_trial_without_its_configuration_is_compared_by_its_overrides(
    earlier: Path, project: Project, lost: str
) -> None:
    write_run(earlier, project, ran(0), fixed=["layers=[1,2]"])
    of_hydra = earlier / "0" / ".hydra"
    if lost == "all":
        shutil.rmtree(earlier / "0")
    elif lost.startswith("spoiled"):
        (of_hydra / lost.split()[1]).write_text("a: [")
    else:
        (of_hydra / lost).unlink()
    found = read(earlier, project)
    assert points(found) == [{"x": 0.25}]
    assert "1 could not be checked beyond the overrides" in found.summary()
    assert why_left_out(read(earlier, project, "layers=[3]")) == ["layers was [1,2] there and is [3] here"]


def test_value_that_only_the_lost_configuration_had_is_not_guessed(earlier: Path, project: Project) -> None:
    write(earlier, ran(0), ran(1, overrides=("y=0.75", "x=0.25")))
    found = read(earlier, project, x="interval(0,1)", y="interval(0,1)")
    assert why_left_out(found) == ["it gives no value for y"]
    assert points(found) == [{"x": 0.25, "y": 0.75}]


def test_lost_trial_whose_overrides_mean_nothing_here_is_left_out(earlier: Path, project: Project) -> None:
    write(earlier, ran(0, overrides=("model=resnet", "x=0.25")), ran(1, overrides=("gone=1", "x=0.25")))
    found = read(earlier, project)
    assert why_left_out(found) == ["its directory is gone, and its overrides do not compose here"] * 2
