"""Imported trials in the new study: their numbers, and what a resume adds."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice, Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.warm_start.reader import distinct, new_imports
from ax_mo.warm_start.report import Import
from tests.warm_start.studies import (
    plan,
    ran,
    spoil,
    write,
    write_run,
)

# Numbers in the new study


def imports(*sources: Sequence[TrialRun]) -> list[Import]:
    return [Import("a", (), tuple(trials)) for trials in sources]


def imported(handle: str, x: Any = 0.25, number: int = 0) -> TrialRun:
    return TrialRun(
        number=number,
        status=Status.IMPORTED,
        point={"x": x},
        overrides=(f"x={x}",),
        directory="/earlier/0",
        generator="imported",
        handle=handle,
    )


X = SearchSpace((Range("x", 0.0, 1.0),))


def choices(text: str) -> tuple[SearchSpace, list[Any]]:
    parameter = parse_entry(f"x={text}", "x", lambda _: [])
    assert isinstance(parameter, Choice)
    return SearchSpace((parameter,)), [option.value for option in parameter.options]


def test_imported_trials_are_numbered_downwards() -> None:
    found = new_imports(imports([imported("a#0"), imported("a#1", 0.5)], [imported("b#0", 0.75)]), [], X)
    assert [(trial.number, trial.handle) for trial in found] == [(-1, "a#0"), (-2, "a#1"), (-3, "b#0")]
    assert [trial.label for trial in found] == ["imported 1", "imported 2", "imported 3"]


def test_resume_imports_nothing_twice_and_adds_what_has_come_since() -> None:
    known = [
        imported("a#1", 0.5, number=-2),
        imported("a#0", number=-1),
        TrialRun(number=0, status=Status.COMPLETED, point={"x": 1}, overrides=(), directory="0"),
    ]
    same = imports([imported("a#0"), imported("a#1", 0.5)])
    assert new_imports(same, known, X) == []
    more = imports([imported("a#0"), imported("a#1", 0.5), imported("a#2", 0.75)])
    assert [(trial.number, trial.handle) for trial in new_imports(more, known, X)] == [(-3, "a#2")]


# BUG: points were compared with ==, to which 1, 1.0 and true are one, and NaN is none.
@pytest.mark.parametrize("text", ["1, 1.0, true, '1', nan, [1], [true]", "{a: 1, 2: 3}, {a: 1.0, 2: 3}, {a: nan}"])
def test_points_are_told_apart_as_their_command_lines_are(text: str) -> None:
    space, values = choices(text)
    of_each = [imported(f"a#{number}", value) for number, value in enumerate(values)]
    again = [imported(f"b#{number}", json.loads(json.dumps(value))) for number, value in enumerate(values)]
    first, second = distinct(imports(of_each, again), space)
    assert [trial.handle for trial in first.trials] == [trial.handle for trial in of_each]
    assert second.trials == () and len(second.left_out) == len(values)
    assert len(new_imports([first, second], [], space)) == len(values)
    known = [imported(f"moved#{-number}", value, number) for number, value in enumerate(values, -len(values))]
    assert new_imports(imports(again), known, space) == []


def test_source_that_was_moved_is_not_imported_again() -> None:
    assert new_imports(imports([imported("/moved#0")]), [imported("/earlier#0", number=-1)], X) == []


def test_trials_of_one_point_are_counted_as_imported_once() -> None:
    first, second = distinct(imports([imported("a#0"), imported("a#1")], [imported("b#0"), imported("b#1", 0.5)]), X)
    assert [trial.handle for trial in (*first.trials, *second.trials)] == ["a#0", "b#1"]
    assert [len(found.left_out) for found in (first, second)] == [1, 1]


# In the plan of a study


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
        lambda directory: spoil(directory / "study.db", "UPDATE ax_mo_study SET schema = 1, checksum = NULL"),
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
