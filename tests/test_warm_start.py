"""Finished trials of earlier studies, in real databases, as data of a new study."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import pgserver
import pytest
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.comparison import Composed
from ax_mo.errors import ConfigError
from ax_mo.goals import parse_goals
from ax_mo.plan import Plan, make_plan
from ax_mo.project import Project, without_hydra
from ax_mo.settings import parse_settings
from ax_mo.space.build import build_space
from ax_mo.space.grammar import as_text
from ax_mo.space.parameters import Space
from ax_mo.study.location import Location
from ax_mo.study.repeats import Repeats
from ax_mo.study.store import Definition, Store
from ax_mo.study.trial import Status, Trial
from ax_mo.warm_start import Entry, Import, Source, distinct, entries_of, new_imports, read_source, source_of


class Colour(Enum):
    RED = 1
    BLUE = 2


GOALS = parse_goals({"loss": "minimize", "acc": {"goal": "maximize", "threshold": 0.9}}, None, ["seconds <= 60"])
OBJECTIVES = {"loss": "minimize", "acc": "maximize, threshold 0.5", "constraint 0": "memory <= 2"}
FILES = {
    "config.yaml": """
defaults: [{model: mlp}, colours, {extra: null}, _self_, {experiment: null}]
x: 0.5
y: 0.5
seed: 0
layers: [1, 2]
needed: ???
out: ${hydra:runtime.output_dir}/${now:%f}
twice: ${double:${y}}
""",
    "model/mlp.yaml": "width: 8\nhidden: 3\n",
    "model/cnn.yaml": "width: 8\nkernel: 3\n",
    "model/rnn.yaml": "width: 8\nhidden: 3\n",
    "extra/logger.yaml": "level: 1\nname: a\n",
    "experiment/first.yaml": "# @package _global_\ny: 0.75\n",
    "experiment/second.yaml": "# @package _global_\ny: 0.75\n",
}


def project_in(directory: Path, *arguments: str, **files: str) -> Project:
    """A project of its own, as the sweep that is started with these arguments sees it."""
    for name, text in {**FILES, **{f"{name}.yaml": text for name, text in files.items()}}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    ConfigStore.instance().store(name="colours", node={"colour": Colour.RED})
    OmegaConf.register_new_resolver("double", lambda value: 2 * value, replace=True)
    with initialize_config_dir(str(directory), version_base=None):
        loader = GlobalHydra.instance().config_loader()
    return Project(loader, loader.load_configuration("config", list(arguments), run_mode=RunMode.MULTIRUN))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_in(tmp_path_factory.mktemp("project"))


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    (tmp_path / "earlier").mkdir()
    return tmp_path / "earlier"


def ran(number: int, x: float = 0.25, loss: float = 1.0, **changes: Any) -> Trial:
    """A completed trial of the earlier study."""
    trial = Trial(
        number, Status.COMPLETED, {"x": x}, (f"x={x}",), str(number), "sobol", started="t1", ended="t2",
        metrics={"loss": loss, "acc": 0.5, "seconds": 1.0, "memory": 1.0},
    )  # fmt: skip
    return replace(trial, **changes)


def write(
    directory: Path,
    *trials: Trial,
    objectives: Mapping[str, str] = OBJECTIVES,
    url: str | None = None,
    name: str = "study",
    fixed: Sequence[str] = (),
) -> None:
    """An earlier study: in the directory's own database as a sweep without ``storage`` makes it, or in ``url``."""
    of_url = f"sqlite:///{directory / 'study.db'}" if url is None else url
    store = Store.open(of_url, name, None if url is None else directory, Definition({}, objectives, tuple(fixed)), 1)
    store.add(trials)
    store.close()


def record(directory: Path, project: Project, *overrides: str) -> None:
    """What Hydra leaves in the directory of a run with these overrides."""
    config = project.compose(overrides)
    (directory / ".hydra").mkdir(parents=True)
    hydra = OmegaConf.masked_copy(config, ["hydra"])
    (directory / ".hydra" / "hydra.yaml").write_text(OmegaConf.to_yaml(hydra))
    task = without_hydra(config)
    (directory / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(task))


def write_run(
    directory: Path, project: Project, *trials: Trial, fixed: Sequence[str] = (), record_of: Project | None = None
) -> None:
    """An earlier study whose trials ran with their points and ``fixed``, and have their directories still."""
    lines = [(*fixed, *(f"{key}={as_text(value)}" for key, value in trial.point.items())) for trial in trials]
    write(
        directory, *(replace(trial, overrides=given) for trial, given in zip(trials, lines, strict=True)), fixed=fixed
    )
    for trial, given in zip(trials, lines, strict=True):
        record(directory / trial.directory, record_of or project, *given)


def space_of(project: Project, *arguments: str, **params: Any) -> Space:
    named = {key.replace("__", "."): value for key, value in (params or {"x": "interval(0,1)"}).items()}
    return build_space(named, arguments, [], project).space


def read(origin: Any, project: Project, *arguments: str, ignore: Sequence[str] = (), **params: Any) -> Import:
    source = source_of(Entry(str(origin), tuple(ignore)))
    return read_source(source, space_of(project, *arguments, **params), GOALS, project)


def why_left_out(found: Import) -> list[str]:
    return [str(reason) for reason in found.left_out]


def points(found: Import) -> list[Mapping[str, Any]]:
    return [trial.point for trial in found.trials]


# What is imported


def test_finished_trials_are_imported_with_their_metrics_and_where_they_are(earlier: Path, project: Project) -> None:
    write_run(earlier, project, ran(0, 0.25), ran(3, 1))
    found = read(earlier, project)
    first, second = found.trials
    assert first == Trial(
        0,
        Status.IMPORTED,
        {"x": 0.25},
        ("x=0.25",),
        str(earlier / "0"),
        "imported",
        handle=f"{earlier}#0",
        metrics=ran(0).metrics,
        started="t1",
        ended="t2",
    )
    assert repr(second.point) == "{'x': 1.0}" and second.handle == f"{earlier}#3"
    assert found.left_out == ()
    assert found.summary() == f"warm start: 2 trial(s) imported from {earlier}"


@pytest.mark.parametrize("status", [Status.ASKED, Status.RUNNING, Status.FAILED, Status.CANCELLED, Status.IMPORTED])
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
    assert (trial.directory, trial.overrides, trial.repeat) == (str(earlier / "0"), ("x=0.5",), None)


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
    assert points(read(earlier, project, x="interval(0,1)", y="interval(0,1)")) == [{"x": 0.25, "y": 0.75}]


@pytest.mark.parametrize(
    ("there", "here_why"),
    [
        ({"y": 0.5}, None),
        ({"y": 0.25}, "y was 0.25 there and is 0.5 here"),
        ({"model": "mlp"}, None),
        ({"model": "cnn"}, "model was cnn there and is mlp here"),
        ({"layers": [1, 2]}, None),
        ({"layers": [2]}, "layers was [2] there and is [1,2] here"),
        ({"colour": "RED"}, None),
        ({"colour": "BLUE"}, "colour was BLUE there and is RED here"),
        ({"+model.depth": 3}, "model.depth was 3 there and does not exist here"),
        ({"needed": 3}, "needed was 3 there and is ??? here"),
        ({"++y": 0.5}, None),
        ({"seed": 3}, None),
    ],
)
@pytest.mark.parametrize("recorded", [True, False])
def test_key_not_searched_here_must_have_been_as_it_is_here(
    earlier: Path, project: Project, there: Mapping[str, Any], here_why: str | None, recorded: bool
) -> None:
    write_run(earlier, project, ran(0, point={"x": 0.25, **there}))
    if not recorded:
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


@pytest.mark.parametrize("recorded", [True, False])
def test_missing_value_that_another_option_has_is_told_by_the_option(
    earlier: Path, project: Project, recorded: bool
) -> None:
    write_run(earlier, project, ran(0), fixed=["model=mlp"])
    if not recorded:
        shutil.rmtree(earlier / "0")
    found = read(earlier, project, "model=cnn", x="interval(0,1)", model__kernel="choice(3,5)")
    assert why_left_out(found) == ["model was mlp there and is cnn here"]
    assert "ignore" not in found.summary(), "that would not give the trial the value"


@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        (["model=mlp"], ["model=cnn"], "model was mlp there and is cnn here"),
        (["model=cnn"], ["model=cnn"], "model.width is above its upper bound 8"),
    ],
)
def test_value_out_of_bounds_is_told_by_the_option_that_it_belongs_to(
    earlier: Path, project: Project, there: Sequence[str], here: Sequence[str], why: str
) -> None:
    write_run(earlier, project, ran(0, point={"x": 0.25, "model.width": 9}), fixed=there)
    found = read(earlier, project, *here, x="interval(0,1)", model__width="interval(1,8)")
    assert found.summary() == f"warm start: 0 trial(s) imported from {earlier}; 1 left out: {why}"


def test_option_that_is_not_searched_is_told_as_such(earlier: Path, project: Project) -> None:
    write_run(earlier, project, ran(0, point={"x": 0.25, "model": "cnn"}))
    found = read(earlier, project, x="interval(0,1)", model="mlp,rnn", model__width="interval(1,8)")
    assert why_left_out(found) == ["model='cnn' is not among mlp, rnn"]


# What a trial ran with besides


@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        (["y=0.75"], [], "y was 0.75 there and is 0.5 here"),
        ([], ["y=0.75"], "y was 0.5 there and is 0.75 here"),
        (["y=0.5"], [], None),
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
    source = source_of(Entry(str(earlier)))
    found = read_source(source, space_of(project), GOALS, project, "layers")
    assert why_left_out(found) == ["seed was 4 there and is 0 here"]


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
    assert first.endswith(
        "1 trial(s) imported from "
        f"{earlier}; 6 left out: y was 0.0, 0.125, 0.25 or one of 3 other values there and is 0.5 here"
    )


def test_at_most_five_kinds_of_reasons_are_told(earlier: Path, project: Project) -> None:
    given = [["y=1"], ["y=2"], ["layers=[3]"], ["+a=1"], ["+b=1"], ["+c=1"], ["+d=1"], ["needed=1"]]
    write(earlier, *(ran(n, overrides=("x=0.25", *lines)) for n, lines in enumerate(given)))
    lines = read(earlier, project).summary().splitlines()
    assert lines[0].endswith("8 left out:") and len(lines) == 8
    assert lines[1] == "  2: y was 1 or 2 there and is 0.5 here"
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
        ([None], r"hydra.sweeper.warm_start\[0\]: None names no earlier study."),
        ([["a"]], r"hydra.sweeper.warm_start\[0\]: \['a'\] names no earlier study."),
        (["a", {"form": "b"}], r"hydra.sweeper.warm_start\[1\] has no setting 'form'. Did you mean 'from'\? Write"),
        ({"ignore": ["a"]}, "hydra.sweeper.warm_start.from must name an earlier study, and is None."),
        ({"from": ["a"]}, r"hydra.sweeper.warm_start.from must name an earlier study, and is \['a'\]."),
        ({"from": "a", "ignore": "b"}, r"warm_start.ignore must be a list of keys that may differ.*ignore: \[b\]."),
        ({"from": "a", "ignore": {"b": 1}}, "warm_start.ignore must be a list of keys that may differ, not"),
        ({"from": "a", "ignore": ["b=1"]}, "warm_start.ignore: 'b=1' is no key of the configuration."),
        ({"from": "a", "ignore": [1]}, "warm_start.ignore: 1 is no key of the configuration."),
    ],
)
@pytest.mark.parametrize("resuming", [True, False])
def test_entry_of_another_form_is_refused(project: Project, given: Any, message: str, resuming: bool) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(project, resuming, warm_start=given)


def test_entries_may_be_alone_or_in_a_list() -> None:
    assert entries_of(None) == entries_of([]) == []
    assert entries_of("a") == entries_of(["a"]) == entries_of({"from": "a"}) == [Entry("a")]
    assert entries_of([{"from": "a", "ignore": ["b", "c.d"]}]) == [Entry("a", ("b", "c.d"))]


# Trials whose directories are gone


@pytest.mark.parametrize("lost", ["config.yaml", "hydra.yaml", "spoiled config.yaml", "spoiled hydra.yaml", "all"])
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


# How configurations are composed for it


@pytest.mark.parametrize(
    "overrides",
    [
        ["x=0.25"],
        ["model=cnn", "y=1", "x=0.25", "model.kernel=7"],
        ["y=1", "model=cnn", "x=0.25"],
        ["x=0.25", "model=cnn"],
        ["layers=[1,{a: b}]", "needed='a, b'", "colour=BLUE", "y=null"],
        ["+a.b=1", "++a.c='${x}'", "++x=3"],
        ["~y", "++y=3"],
        ["+layers={a: 1}"],
        ["x=1", "hydra.job.name=a"],
        ["+extra=logger"],
    ],
)
def test_configurations_that_share_their_options_are_those_of_hydra(project: Project, overrides: list[str]) -> None:
    composed = Composed(project)
    try:
        expected = without_hydra(project.compose(overrides))
    except (HydraException, OmegaConfBaseException):
        with pytest.raises((HydraException, OmegaConfBaseException)):
            composed.run(overrides)
        return
    for _ in range(2):
        assert without_hydra(composed.run(overrides).config) == expected


def test_many_trials_are_compared_in_little_time(earlier: Path, project: Project) -> None:
    write(earlier, *(ran(n, n / 200, overrides=("model=cnn", f"x={n / 200}")) for n in range(200)))
    record(earlier / "0", project, "model=cnn", "x=0.0")
    for number in range(1, 200):
        shutil.copytree(earlier / "0", earlier / str(number))
        path = earlier / str(number) / ".hydra" / "config.yaml"
        path.write_text(path.read_text().replace("x: 0.0", f"x: {number / 200}"))
    start = time.process_time()
    found = read(earlier, project, "model=cnn")
    assert len(found.trials) == 200 and time.process_time() - start < 15


# Objectives


@pytest.mark.parametrize(
    "objectives",
    [
        {"acc": "maximize, threshold 0.1", "loss": "minimize, threshold 3.0"},  # thresholds and order may differ
        {**OBJECTIVES, "size": "minimize"},  # and there may have been more
    ],
)
def test_thresholds_and_further_objectives_may_differ(
    earlier: Path, project: Project, objectives: Mapping[str, str]
) -> None:
    write(earlier, ran(0), objectives=objectives)
    assert points(read(earlier, project)) == [{"x": 0.25}]


@pytest.mark.parametrize(
    ("objectives", "listed"),
    [
        ({"loss": "maximize", "acc": "maximize"}, "maximize loss, maximize acc"),
        ({"loss": "minimize"}, "minimize loss"),
        ({"los": "minimize", "acc": "maximize, threshold 0.9"}, "minimize los, maximize acc"),
        ({"loss": "minimize", "constraint 0": "acc >= 1"}, "minimize loss"),
    ],
)
def test_study_with_other_objectives_is_refused(
    earlier: Path, project: Project, objectives: Mapping[str, str], listed: str
) -> None:
    write(earlier, ran(0), objectives=objectives)
    with pytest.raises(ConfigError) as caught:
        read(earlier, project)
    assert str(caught.value) == (
        f"hydra.sweeper.warm_start: the study in {earlier} has other objectives: {listed}. This one's are: "
        "minimize loss, maximize acc."
    )


# Sources


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    # Not pytest's own temporary directory: run by root, the server is a user of its own, who may not look in there.
    data = Path(tempfile.mkdtemp(prefix="ax_mo-postgresql-"))
    data.chmod(0o755)
    running = pgserver.get_server(data / "data", cleanup_mode="stop")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()
    shutil.rmtree(data, ignore_errors=True)


@pytest.mark.parametrize("name", ["nas", "with/slashes/in it", "toy:/data/sweep"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_study_in_a_database_of_several_is_named(
    tmp_path: Path, earlier: Path, project: Project, request: pytest.FixtureRequest, kind: str, name: str
) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/studies.db"
        entry = f"{url}/{name}"
    else:
        url = request.getfixturevalue("server")
        server, _, query = url.partition("?")
        entry = f"{server}/{name}?{query}"
    write(earlier, ran(0), url=url, name=name)
    write(earlier, ran(0, 0.75), url=url, name=f"another than {name}")
    record(earlier / "0", project, "x=0.25", "y=0.125")
    found = read(entry, project, x="interval(0,1)", y="interval(0,1)")
    assert points(found) == [{"x": 0.25, "y": 0.125}]
    assert found.trials[0].directory == str(earlier / "0")
    with pytest.raises(ConfigError, match=r"holds no study .* It holds: "):
        read(entry.replace(name, f"{name}s"), project)


def test_name_may_follow_the_whole_url(earlier: Path, project: Project, server: str) -> None:
    write(earlier, ran(0), url=server, name="last")
    assert "?host=/" in server
    assert points(read(f"{server}/last", project)) == [{"x": 0.25}]


def test_own_database_of_a_sweep_can_be_named_as_a_database(earlier: Path, project: Project) -> None:
    write(earlier, ran(0))
    record(earlier / "0", project, "x=0.25", "y=0.125")
    found = read(f"sqlite:///{earlier}/study.db/study", project, x="interval(0,1)", y="interval(0,1)")
    assert [trial.directory for trial in found.trials] == [str(earlier / "0")]


def test_sweep_directory_may_have_been_moved(earlier: Path, project: Project, tmp_path: Path) -> None:
    write(earlier, ran(0))
    record(earlier / "0", project, "x=0.25", "y=0.125")
    moved = earlier.rename(tmp_path / "moved")
    (trial,) = read(moved, project, x="interval(0,1)", y="interval(0,1)").trials
    assert trial.directory == str(moved / "0")


def test_directory_is_relative_to_where_the_sweep_starts(
    earlier: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(earlier, ran(0))
    monkeypatch.chdir(earlier.parent)
    assert read("earlier", project).source.label == str(earlier)


def test_directory_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        source_of(Entry(str(tmp_path)))
    assert str(caught.value).startswith(f"hydra.sweeper.warm_start: {tmp_path} holds no study.db. Name the sweep")
    assert "sqlite:////data/studies.db/nas" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_database_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no database in 'sqlite:///"):
        source_of(Entry(f"sqlite:///{tmp_path}/studies.db/nas"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tail", ["", "/"])
def test_database_without_a_study_name_is_refused(earlier: Path, tail: str) -> None:
    write(earlier, ran(0))
    for entry in (f"sqlite:///{earlier}/study.db{tail}", f"postgresql+psycopg://u@host/db{tail}"):
        with pytest.raises(ConfigError, match="names no study in a database; write <storage>/<study_name>"):
            source_of(Entry(entry))


def spoil(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE ax_mo_study SET schema = 1", "was written by another version of ax_mo (schema 1; this one reads 3)"),
        ("DROP TABLE ax_mo_study", "study.db cannot be used: no such table: ax_mo_study"),
        ("ALTER TABLE ax_mo_trial DROP COLUMN position", "study.db cannot be used: no such column"),
        (None, "study.db cannot be used: file is not a database"),
    ],
)
def test_database_that_cannot_be_read_names_the_setting(
    earlier: Path, project: Project, statement: str | None, message: str
) -> None:
    write(earlier, ran(0))
    if statement is None:
        (earlier / "study.db").write_text("no database, but long enough to be looked at" * 20)
    else:
        spoil(earlier / "study.db", statement)
    with pytest.raises(ConfigError) as caught:
        read(earlier, project)
    assert str(caught.value).startswith("hydra.sweeper.warm_start: The study")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        "postgresql+psycopg://u:secret@127.0.0.1:1/db/nas?connect_timeout=2",
        "postgresql+psycopg://u@127.0.0.1:1/db/nas?password=secret&connect_timeout=2",
        "postgresql+psycopg://u:secret@host:abc/db/nas",
        "postgresql+psycopg://u:secret@host/db",
        "mysql://u:secret@host/db/nas",
    ],
)
def test_password_is_never_shown(entry: str, project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        read(entry, project)
    assert str(caught.value).startswith("hydra.sweeper.warm_start: ")
    assert "secret" not in str(caught.value)
    assert "***" in str(caught.value)


def test_password_is_in_no_trial_and_no_summary(earlier: Path, project: Project, server: str) -> None:
    with_password = server.replace("postgres:@", "postgres:secret@")
    assert with_password != server
    write(earlier, ran(0), url=server, name="guarded")
    found = read(f"{with_password}/guarded", project)
    assert len(found.trials) == 1
    assert "secret" not in repr((found.trials, found.summary(), found.source.label))


# Numbers in the new study


def imports(*sources: Sequence[Trial]) -> list[Import]:
    return [Import(Source(Location("a", "sqlite:///a.db", None, None)), tuple(trials), ()) for trials in sources]


def imported(handle: str, x: float = 0.25, number: int = 0) -> Trial:
    return Trial(number, Status.IMPORTED, {"x": x}, (f"x={x}",), "/earlier/0", "imported", handle=handle)


def test_imported_trials_are_numbered_downwards() -> None:
    found = new_imports(imports([imported("a#0"), imported("a#1", 0.5)], [imported("b#0", 0.75)]), [])
    assert [(trial.number, trial.handle) for trial in found] == [(-1, "a#0"), (-2, "a#1"), (-3, "b#0")]
    assert [trial.label for trial in found] == ["imported 1", "imported 2", "imported 3"]


def test_resume_imports_nothing_twice_and_adds_what_has_come_since() -> None:
    known = [imported("a#1", 0.5, number=-2), imported("a#0", number=-1), Trial(0, Status.COMPLETED, {"x": 1}, (), "0")]
    same = imports([imported("a#0"), imported("a#1", 0.5)])
    assert new_imports(same, known) == []
    more = imports([imported("a#0"), imported("a#1", 0.5), imported("a#2", 0.75)])
    assert [(trial.number, trial.handle) for trial in new_imports(more, known)] == [(-3, "a#2")]


def test_trial_whose_point_equals_nothing_is_not_imported_again() -> None:
    known = [imported("a#0", float("nan"), number=-1)]
    assert new_imports(imports([imported("a#0", float("nan"))]), known) == []


def test_source_that_was_moved_is_not_imported_again() -> None:
    assert new_imports(imports([imported("/moved#0")]), [imported("/earlier#0", number=-1)]) == []


def test_trials_of_one_point_are_counted_as_imported_once() -> None:
    first, second = distinct(imports([imported("a#0"), imported("a#1")], [imported("b#0"), imported("b#1", 0.5)]))
    assert [trial.handle for trial in (*first.trials, *second.trials)] == ["a#0", "b#1"]
    assert [len(found.left_out) for found in (first, second)] == [1, 1]


def test_point_of_two_sources_is_imported_once() -> None:
    found = new_imports(imports([imported("a#0")], [imported("b#0"), imported("b#1", 0.5)]), [])
    assert [trial.handle for trial in found] == ["a#0", "b#1"]


# In the plan of a study


def plan(project: Project, resuming: bool = False, **settings: Any) -> Plan:
    given = {"objectives": {"loss": "minimize", "acc": "maximize"}, "params": {"x": "interval(0,1)"}, **settings}
    return make_plan(parse_settings(given), [], project, resuming)


@pytest.mark.parametrize("as_list", [True, False])
def test_plan_takes_one_source_or_several(earlier: Path, project: Project, as_list: bool) -> None:
    write(earlier, ran(0), ran(1, 2.0))
    made = plan(project, warm_start=[str(earlier)] if as_list else str(earlier))
    assert [len(found.trials) for found in made.imports] == [1]
    assert made.remarks[-1].startswith("warm start: 1 trial(s) imported from ")


def test_source_that_is_named_twice_is_imported_once(
    earlier: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(earlier, ran(0), ran(1, 0.75))
    monkeypatch.chdir(earlier.parent)
    made = plan(project, warm_start=[str(earlier), "earlier/../earlier", f"sqlite:///{earlier}/study.db/study"])
    assert [len(found.trials) for found in made.imports] == [2, 0, 0]
    for remark in made.remarks[-2:]:
        assert remark.startswith("warm start: 0 trial(s) imported from ")
        assert remark.endswith("; 2 left out: another trial of the same point is imported already")
        assert remark.count(";") == 1


def test_settings_of_an_entry_reach_its_trials(earlier: Path, project: Project) -> None:
    write_run(earlier, project, ran(0), fixed=["y=0.75", "needed=4"])
    assert plan(project, warm_start=[{"from": str(earlier), "ignore": ["y"]}]).imports[0].trials == ()
    entry = {"from": str(earlier), "ignore": ["y"]}
    assert len(plan(project, warm_start=[entry], repeat_key="needed").imports[0].trials) == 1


@pytest.mark.parametrize(
    "lose",
    [
        shutil.rmtree,
        lambda directory: (directory / "study.db").write_text("no database" * 100),
        lambda directory: spoil(directory / "study.db", "UPDATE ax_mo_study SET schema = 1"),
    ],
)
def test_source_that_is_lost_is_an_error_at_first_and_a_remark_on_a_resume(
    earlier: Path, project: Project, lose: Callable[[Path], object]
) -> None:
    write(earlier, ran(0))
    lose(earlier)
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.warm_start: "):
        plan(project, warm_start=[str(earlier)])
    made = plan(project, resuming=True, warm_start=[str(earlier)])
    assert made.imports == ()
    assert made.remarks[-1].startswith("not read again: hydra.sweeper.warm_start: ")
