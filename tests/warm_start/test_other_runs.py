"""A trial that would run otherwise here is left out, and says in what."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.repeats import Repeats
from ax_mo.core.trial import Outcome
from ax_mo.early_stopping.successive_halving import SuccessiveHalving
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project
from ax_mo.warm_start.reader import EarlierStudy, entries_of, read_source
from tests.warm_start.studies import (
    GOALS,
    plan,
    points,
    project_in,
    ran,
    read,
    record,
    space_of,
    why_left_out,
    write,
    write_run,
)

# What a trial ran with besides


@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        (["y=0.75"], [], "y was 0.75 there and is 0.5 here"),
        ([], ["y=0.75"], "y was 0.5 there and is 0.75 here"),
        (["y=0.75"], ["y=0.75"], None),
        (["model=cnn"], [], "model was cnn there and is mlp here"),
        (["model=cnn"], ["model=cnn"], None),
        (["model.width=9"], [], "model.width was 9 there and is 8 here"),
        (["+new=1"], [], "new was 1 there and does not exist here"),
        ([], ["+new={a: 1, b: 2}"], "new did not exist there and is {a:1,b:2} here"),
        ([], ["+model.new=1"], "model.new did not exist there and is 1 here"),
        (["~layers"], [], "layers did not exist there and is [1,2] here"),
        (["layers=null"], [], "layers was null there and is [1,2] here"),
        (["y=true"], ["y=1"], "y was true there and is 1 here"),
        (["y=nan"], ["y=nan"], None),
        (["extra=logger"], [], "extra was logger there and does not exist here"),
        (["experiment=first"], ["experiment=second"], None),
        (["experiment=first"], ["y=0.75"], None),
        (["experiment=first"], [], "y was 0.75 there and is 0.5 here"),
        (["seed=3"], ["seed=4"], None),
        (["~seed"], [], None),
        (["layers=[1,${y}]"], ["layers=[1,0.5]"], None),
        (["needed=${y}"], ["needed=0.5"], None),
        (["needed=${twice}"], ["needed=1.0"], None),
        (["needed=${y}"], ["needed=0.75"], "needed was ${y} there and is 0.75 here"),
        (["needed=${nowhere}"], ["needed=0.75"], "needed was ${nowhere} there and is 0.75 here"),
        (["needed=${hydra:job.name}"], ["needed=a"], "needed was ${hydra:job.name} there and is a here"),
    ],
)
def test_trial_that_would_run_otherwise_here_is_left_out(
    earlier: Path, project: Project, there: Sequence[str], here: Sequence[str], why: str | None
) -> None:
    write_run(earlier, project, ran(0), fixed=there)
    found = read(earlier, project, *here)
    assert why_left_out(found) == ([why] if why else [])
    assert points(found) == ([] if why else [{"x": 0.25}])


def test_default_that_has_changed_since_counts(earlier: Path, project: Project, tmp_path: Path) -> None:
    before = project_in(tmp_path / "before", **{"model/mlp": "width: 4\nhidden: 3\n"})
    write_run(earlier, before, ran(0))
    assert why_left_out(read(earlier, project)) == ["model.width was 4 there and is 8 here"]
    assert points(read(earlier, project, x="interval(0,1)", model__width="choice(4,8)")) == [
        {"x": 0.25, "model.width": 4}
    ]


def test_path_inside_the_project_is_the_same_in_another_checkout(earlier: Path, tmp_path: Path) -> None:
    def checkout(name: str, data: str) -> Project:
        return project_in(tmp_path / name / "conf", **{"model/mlp": f"data: {tmp_path / name / data}\nhidden: 3\n"})

    write_run(earlier, checkout("before", "data/a"), ran(0))
    assert points(read(earlier, checkout("same", "data/a"))) == [{"x": 0.25}]
    assert why_left_out(read(earlier, checkout("other", "data/b")))[0].startswith("model.data was ")


def test_key_of_the_repeats_makes_no_other_experiment(earlier: Path, project: Project) -> None:
    runs = Repeats(2, "model.hidden", 5).runs(ran(0))
    write(earlier, *runs)
    for run in runs:
        record(earlier / run.directory, project, *run.overrides, "seed=4")
    assert points(read(earlier, project)) == [{"x": 0.25}]
    found = read_source(EarlierStudy(str(earlier)), space_of(project), GOALS, project, "layers")
    assert why_left_out(found) == ["seed was 4 there and is 0 here"]


def test_trial_that_trained_in_rungs_is_one_of_its_full_budget_whatever_it_went_on_from(
    earlier: Path, project: Project
) -> None:
    halving = SuccessiveHalving("successive_halving", "model.hidden", max=9, min=3, resume_key="needed")
    complete, paused = ran(0), ran(1, x=0.75)
    runs = [halving.first_run(complete).ended_by(Outcome(complete.metrics))]
    runs.append(halving.next_run(runs[0]).ended_by(Outcome(complete.metrics)))
    write(earlier, *runs, halving.first_run(paused).ended_by(Outcome(paused.metrics)))
    record(earlier / runs[1].directory, project, *runs[1].overrides, "needed=/sweep/0/3/last.ckpt")
    assert why_left_out(read(earlier, project)) == ["model.hidden was 9 there and is 3 here"]
    assert points(read(earlier, project, "model.hidden=9")) == [{"x": 0.25}]
    here = read_source(EarlierStudy(str(earlier)), space_of(project), GOALS, project, "seed", halving.budget(-1))
    assert points(here) == [{"x": 0.25}]


def test_reason_names_at_most_three_keys_and_what_can_be_done(earlier: Path, project: Project) -> None:
    write_run(earlier, project, ran(0), fixed=["y=1", "+a=1", "layers=[3]", "model=cnn", "needed=1"])
    assert read(earlier, project, ignore=["a"]).summary().splitlines() == [
        f"warm start: 0 trial(s) imported from {earlier}; 1 left out: model was cnn there and is mlp here, y was 1 "
        "there and is 0.5 here, layers was [3] there and is [1,2] here, and 1 more key(s) differ",
        "  Where a difference cannot change a result, let it pass: hydra.sweeper.warm_start: "
        f"[{{from: {earlier}, ignore: [a, model, y, layers, needed]}}]",
    ]


def test_trials_that_differ_in_the_same_keys_share_a_reason(earlier: Path, project: Project) -> None:
    trials = [ran(n, point={"x": 0.25, "y": n / 8}) for n in range(7)]
    write_run(earlier, project, *trials)
    first, _ = read(earlier, project).summary().splitlines()
    assert first.endswith(f"1 trial(s) imported from {earlier}; 6 left out: y was another there and is 0.5 here")


def test_at_most_five_kinds_of_reasons_are_told(earlier: Path, project: Project) -> None:
    given = [["y=1"], ["y=2"], ["layers=[3]"], ["+a=1"], ["+b=1"], ["+c=1"], ["+d=1"], ["needed=1"]]
    write(earlier, *(ran(n, overrides=("x=0.25", *lines)) for n, lines in enumerate(given)))
    lines = read(earlier, project).summary().splitlines()
    assert lines[0].endswith("8 left out:") and len(lines) == 8
    assert lines[1] == "  2: y was another there and is 0.5 here"
    assert lines[5:7] == ["  1: c was 1 there and does not exist here", "  and 2 more"]


# Differences that are allowed


@pytest.mark.parametrize(
    ("ignore", "imported"),
    [(["y"], False), (["model.width"], False), (["y", "model"], True), (["y", "model.width", "other"], True)],
)
def test_ignored_keys_may_differ_and_are_said(
    earlier: Path, project: Project, ignore: Sequence[str], imported: bool
) -> None:
    write_run(earlier, project, ran(0), fixed=["y=0.75", "model.width=9"])
    found = read(earlier, project, ignore=ignore)
    assert points(found) == [{"x": 0.25}] * imported
    told = "ignored in 1: model.width was 9 there and is 8 here, y was 0.75 there and is 0.5 here"
    assert (told in found.summary()) is imported


@pytest.mark.parametrize(
    ("ignore", "why"),
    [
        (["extra"], None),
        (["extra.level", "extra.name"], None),
        (["extra.level"], "extra was logger there and does not exist here"),
    ],
)
def test_part_of_an_added_option_can_be_ignored(
    earlier: Path, project: Project, ignore: Sequence[str], why: str | None
) -> None:
    write_run(earlier, project, ran(0), fixed=["extra=logger"])
    assert why_left_out(read(earlier, project, ignore=ignore)) == ([why] if why else [])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "hydra.sweeper.warm_start: 3 names no earlier study."),
        ([["a"]], r"hydra.sweeper.warm_start\[0\]: \['a'\] names no earlier study."),
        (["a", {"form": "b"}], r"hydra.sweeper.warm_start\[1\] has no setting 'form'. Did you mean 'from'\? Write"),
        ({"ignore": ["a"]}, "hydra.sweeper.warm_start.from must name an earlier study, and is None."),
        ({"from": "a", "ignore": "b"}, "warm_start.ignore must be a list of keys that may differ.* and is 'b'."),
        ({"from": "a", "ignore": ["b=1"]}, r"warm_start.ignore must be a list .* without values, .* and is \['b=1'\]."),
    ],
)
def test_entry_of_another_form_is_refused(project: Project, given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(project, resuming=True, warm_start=given)


def test_entries_may_be_alone_or_in_a_list() -> None:
    assert entries_of(None) == entries_of([]) == []
    assert entries_of("a") == entries_of(["a"]) == entries_of({"from": "a"}) == [EarlierStudy("a")]
    assert entries_of([{"from": "a", "ignore": ["b", "c.d"]}]) == [EarlierStudy("a", ("b", "c.d"))]
