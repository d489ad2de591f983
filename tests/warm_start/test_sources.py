"""Where an earlier study is found, and which are refused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project
from ax_mo.storage.definition import described_goals
from ax_mo.warm_start.reader import EarlierStudy, new_imports, read_source
from tests.warm_start.studies import OBJECTIVES, points, ran, read, record, space_of, spoil, write

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


def test_objective_may_be_called_like_a_constraint(earlier: Path, project: Project) -> None:
    goals = parse_goals({"constraint 0": "minimize", "constraint x": "maximize"}, None, ["seconds <= 60"])
    metrics = {"constraint 0": 1.0, "constraint x": 2.0, "seconds": 3.0}
    write(earlier, replace(ran(0), metrics=metrics), objectives=described_goals(goals))
    space = space_of(project)
    assert points(read_source(EarlierStudy(str(earlier)), space, goals, project)) == [{"x": 0.25}]


@pytest.mark.parametrize(
    ("objectives", "listed"),
    [
        ({"loss": "maximize", "acc": "maximize"}, "maximize loss, maximize acc"),
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


@pytest.mark.parametrize(("kind", "name"), [("sqlite", "with/slashes/in it"), ("postgresql", "toy:/data/sweep")])
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
    assert read("earlier", project).label == str(earlier)


def test_directory_without_a_study_is_refused(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, project)
    assert str(caught.value).startswith(f"hydra.sweeper.warm_start: {tmp_path} holds no study.db. Name the sweep")
    assert "sqlite:////data/studies.db/nas" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_database_that_is_not_there_is_refused_and_not_made(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ConfigError, match="there is no database in 'sqlite:///"):
        read(f"sqlite:///{tmp_path}/studies.db/nas", project)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tail", ["", "/"])
def test_database_without_a_study_name_is_refused(earlier: Path, project: Project, tail: str) -> None:
    write(earlier, ran(0))
    for entry in (f"sqlite:///{earlier}/study.db{tail}", f"postgresql+psycopg://u@host/db{tail}"):
        with pytest.raises(ConfigError, match="names no study in a database; write <storage>/<study_name>"):
            read(entry, project)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE ax_mo_study SET schema = 1, checksum = NULL",
            "was written by another version of ax_mo (schema 1; this one reads 3)",
        ),
        ("ALTER TABLE ax_mo_trial DROP COLUMN position", "study.db is damaged: the row of trial 0 is not"),
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
        "postgresql+psycopg://u@127.0.0.1:1/db/nas?password=secret&connect_timeout=2",
        "postgresql+psycopg://u:secret@host:abc/db/nas",
    ],
)
def test_password_is_never_shown(entry: str, project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        read(entry, project)
    assert str(caught.value).startswith("hydra.sweeper.warm_start: ")
    assert "secret" not in str(caught.value)
    assert "***" in str(caught.value)


# BUG: a trial was known by its number in its own study, so that what was noted of one held for all of that number.
def test_trials_of_several_studies_in_one_file_are_told_apart(earlier: Path, project: Project) -> None:
    url = f"sqlite:///{earlier}/study.db"
    places = [earlier / "first", earlier / "second"]
    for place, x, y in zip(places, (0.25, 0.75), (0.5, 0.125), strict=True):
        write(place, ran(0, x), url=url, name=place.name)
        record(place / "0", project, f"x={x}", f"y={y}")
    write(earlier / "third", ran(0, 0.125), url=url, name="third")
    found = read(earlier, project, ignore=["y"])
    assert [trial.handle for trial in found.trials] == [f"{earlier}/{name}#0" for name in ("first", "second", "third")]
    assert list(found.ignored) == [f"{earlier}/second#0"] and found.unchecked == {f"{earlier}/third#0"}
    assert "; ignored in 1: y was 0.125 there and is 0.5 here; 1 could not be checked" in found.summary()
    numbered = new_imports([found], [replace(found.trials[0], number=-1)], space_of(project))
    assert [trial.point for trial in numbered] == [{"x": 0.75}, {"x": 0.125}]
