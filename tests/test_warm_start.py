"""Finished trials of earlier studies, in real databases, as data of a new study."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import pgserver
import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from ax_mo.errors import ConfigError
from ax_mo.goals import Goals, parse_goals
from ax_mo.plan import Plan, make_plan
from ax_mo.project import Project
from ax_mo.settings import parse_settings
from ax_mo.space.build import build_space
from ax_mo.space.parameters import Space
from ax_mo.study.repeats import Repeats
from ax_mo.study.store import Definition, Store
from ax_mo.study.trial import Status, Trial
from ax_mo.warm_start import Import, Source, new_imports, read_source, source_of


class Colour(Enum):
    RED = 1
    BLUE = 2


GOALS = parse_goals({"loss": "minimize", "acc": {"goal": "maximize", "threshold": 0.9}}, None, ["seconds <= 60"])
OBJECTIVES = {"loss": "minimize", "acc": "maximize, threshold 0.5", "constraint 0": "memory <= 2"}
FILES = {
    "config.yaml": "defaults: [{model: mlp}, colours, _self_]\nx: 0.5\ny: 0.5\nlayers: [1, 2]\nneeded: ???\n",
    "model/mlp.yaml": "width: 8\nhidden: 3\n",
    "model/cnn.yaml": "width: 8\nkernel: 3\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    directory = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    ConfigStore.instance().store(name="colours", node={"colour": Colour.RED})
    with initialize_config_dir(str(directory), version_base=None):
        loader = GlobalHydra.instance().config_loader()
    return Project(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))


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


def configured(directory: Path, config: Mapping[str, Any], **choices: str) -> None:
    """What Hydra leaves in a trial's directory."""
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra" / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    of_hydra = {"hydra": {"runtime": {"choices": choices}, "job": {"name": "${hydra.nowhere}"}}}
    (directory / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(of_hydra))


def space_of(project: Project, **params: Any) -> Space:
    return build_space({key.replace("__", "."): value for key, value in params.items()}, [], [], project).space


def read(entry: Any, project: Project, goals: Goals = GOALS, **params: Any) -> Import:
    return read_source(source_of(entry), space_of(project, **(params or {"x": "interval(0,1)"})), goals, project)


def points(found: Import) -> list[Mapping[str, Any]]:
    return [trial.point for trial in found.trials]


# What is imported


def test_finished_trials_are_imported_with_their_metrics_and_where_they_are(earlier: Path, project: Project) -> None:
    write(earlier, ran(0, 0.25), ran(3, 1))
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
    write(earlier, ran(0, status=status, metrics={}), ran(1, 0.75))
    found = read(earlier, project)
    assert points(found) == [{"x": 0.75}]
    assert found.left_out == ()


def test_trials_outside_the_space_are_left_out_and_counted_by_reason(earlier: Path, project: Project) -> None:
    outside = [ran(1, 2.5), ran(2, 3.5), ran(3, -1.0), ran(4, metrics={"loss": 1.0, "acc": 0.5, "memory": 1.0})]
    write(earlier, ran(0), *outside)
    found = read(earlier, project)
    assert points(found) == [{"x": 0.25}]
    assert found.summary() == (
        f"warm start: 1 trial(s) imported from {earlier}; 4 left out: x is above its upper bound 1 (2), "
        "x is below its lower bound 0 (1), it has no metric 'seconds' (1)"
    )


def test_overrides_that_the_earlier_study_had_and_this_one_has_not_are_said(earlier: Path, project: Project) -> None:
    write(earlier, ran(0), fixed=["y=0.5", "epochs=5"])
    space = build_space({"x": "interval(0,1)"}, ["y=0.5"], [], project).space
    found = read_source(source_of(earlier), space, GOALS, project)
    assert found.overrides == ("epochs=5",)
    assert found.summary() == f"warm start: 1 trial(s) imported from {earlier}, which ran with epochs=5"


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
    write(earlier, ran(0), ran(1), ran(2), ran(3))
    configured(earlier / "0", {"x": 0.9, "y": 0.75, "needed": "???"}, model="cnn")
    configured(earlier / "1", {"y": 2.0}, model="cnn")
    configured(earlier / "2", {"y": 0.5}, model="resnet")
    found = read(earlier, project, x="interval(0,1)", y="interval(0,1)", model="mlp,cnn")
    assert points(found) == [{"x": 0.25, "y": 0.75, "model": "cnn"}]  # x: what the study says
    assert found.left_out == (
        "y=2.0 is above its upper bound 1",
        "model='resnet' is not among mlp, cnn",
        "it gives no value for y",
    )


@pytest.mark.parametrize("spoil", ["config.yaml", "hydra.yaml"])
def test_configuration_that_cannot_be_read_gives_no_values(earlier: Path, project: Project, spoil: str) -> None:
    write(earlier, ran(0))
    configured(earlier / "0", {"y": 0.75})
    (earlier / "0" / ".hydra" / spoil).write_text("a: [")
    assert read(earlier, project, x="interval(0,1)", y="interval(0,1)").left_out == ("it gives no value for y",)
    assert points(read(earlier, project)) == [{"x": 0.25}]  # where it is not needed


def test_configuration_of_a_repeated_trial_is_that_of_a_repeat_that_completed(earlier: Path, project: Project) -> None:
    runs = Repeats(2, "seed").runs(ran(0))
    write(earlier, replace(runs[0], status=Status.FAILED, metrics={}), runs[1])
    configured(earlier / "0" / "1", {"y": 0.75})
    assert points(read(earlier, project, x="interval(0,1)", y="interval(0,1)")) == [{"x": 0.25, "y": 0.75}]


@pytest.mark.parametrize(
    ("there", "here_why"),
    [
        ({"y": 0.5}, None),
        ({"y": 0.25}, "y was 0.25 there and is 0.5 here"),
        ({"model": "mlp"}, None),
        ({"model": "cnn"}, "model was 'cnn' there and is 'mlp' here"),
        ({"layers": [1, 2]}, None),
        ({"layers": [2]}, "layers was [2] there and is [1, 2] here"),
        ({"colour": "RED"}, None),
        ({"colour": "BLUE"}, "colour was 'BLUE' there and is 'RED' here"),
        ({"model.depth": 3}, "model.depth was 3 there and is None here"),
        ({"needed": 3}, "needed was 3 there and is None here"),
        ({"+x": 0.25, "y": 0.5}, None),
    ],
)
def test_key_not_searched_here_must_have_been_as_it_is_here(
    earlier: Path, project: Project, there: Mapping[str, Any], here_why: str | None
) -> None:
    write(earlier, ran(0, point={"x": 0.25, **there}))
    found = read(earlier, project)
    assert points(found) == ([] if here_why else [{"x": 0.25}])
    assert found.left_out == ((here_why,) if here_why else ())


def test_what_a_searched_group_brings_here_counts(earlier: Path, project: Project) -> None:
    write(earlier, ran(0, point={"model": "cnn", "model.kernel": 3}), ran(1, point={"model": "cnn", "model.kernel": 5}))
    found = read(earlier, project, model="mlp,cnn")
    assert points(found) == [{"model": "cnn"}]
    assert found.left_out == ("model.kernel was 5 there and is 3 here",)


def test_conditional_parameters_follow_this_studys_conditions(earlier: Path, project: Project) -> None:
    of_mlp = {"model": "mlp", "model.hidden": 5}
    write(earlier, ran(0, point=of_mlp), ran(1, point={"model": "cnn"}))
    configured(earlier / "1", {"model": {"kernel": 5}}, model="cnn")
    found = read(earlier, project, model="mlp,cnn", model__hidden="int(interval(1,9))", model__kernel="choice(3,5)")
    assert points(found) == [of_mlp, {"model": "cnn", "model.kernel": 5}]


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
    configured(earlier / "0", {"y": 0.125})
    found = read(entry, project, x="interval(0,1)", y="interval(0,1)")
    assert points(found) == [{"x": 0.25, "y": 0.125}]
    assert found.trials[0].directory == str(earlier / "0")
    with pytest.raises(ConfigError, match="holds no study of that name"):
        read(entry.replace(name, f"{name}s"), project)


def test_name_may_follow_the_whole_url(earlier: Path, project: Project, server: str) -> None:
    write(earlier, ran(0), url=server, name="last")
    assert "?host=/" in server
    assert points(read(f"{server}/last", project)) == [{"x": 0.25}]


def test_own_database_of_a_sweep_can_be_named_as_a_database(earlier: Path, project: Project) -> None:
    write(earlier, ran(0))
    configured(earlier / "0", {"y": 0.125})
    found = read(f"sqlite:///{earlier}/study.db/study", project, x="interval(0,1)", y="interval(0,1)")
    assert [trial.directory for trial in found.trials] == [str(earlier / "0")]


def test_sweep_directory_may_have_been_moved(earlier: Path, project: Project, tmp_path: Path) -> None:
    write(earlier, ran(0))
    configured(earlier / "0", {"y": 0.125})
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
        source_of(tmp_path)
    assert str(caught.value).startswith(f"hydra.sweeper.warm_start: {tmp_path} holds no study.db. Name the sweep")
    assert "sqlite:////data/studies.db/nas" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_database_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no database in 'sqlite:///"):
        source_of(f"sqlite:///{tmp_path}/studies.db/nas")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tail", ["", "/"])
def test_database_without_a_study_name_is_refused(earlier: Path, tail: str) -> None:
    write(earlier, ran(0))
    for entry in (f"sqlite:///{earlier}/study.db{tail}", f"postgresql+psycopg://u@host/db{tail}"):
        with pytest.raises(ConfigError, match="names no study in a database; write <storage>/<study_name>"):
            source_of(entry)


def spoil(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE ax_mo_study SET schema = 1", "was written by another version of ax_mo (schema 1; this one reads 2)"),
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
    return [Import(Source("a", "sqlite:///a.db", None, None), tuple(trials), ()) for trials in sources]


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
    made = plan(project, warm_start=[str(earlier), str(earlier)] if as_list else str(earlier))
    assert [len(found.trials) for found in made.imports] == [1] * (1 + as_list)
    assert made.remarks[-1].startswith("warm start: 1 trial(s) imported from ")


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
