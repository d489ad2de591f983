"""A trial's learning curve, as its process writes it and the sweeper follows it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ax_mo.trial.curve import Curve, CurveReader, append, read_curve
from ax_mo.trial.files import CURVE, LIGHTNING
from tests.apps.poison.poisons import CURVES, LINES
from tests.support.curves import values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / CURVE


def write(path: Path, *points: tuple[Any, ...]) -> None:
    for step, metrics, *fit in points:
        append(path, step, 1.5, metrics, *fit)


def test_line_is_one_strict_json_object(path: Path) -> None:
    append(path, 3, 1.23456, {"val/acc": 0.5, "n": 7, "bad": math.nan})
    append(path, 4, 2, {"é": -math.inf}, fit=2)
    lines = path.read_text().splitlines()
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines] == [
        {"step": 3, "time": 1.235, "metrics": {"val/acc": 0.5, "n": 7, "bad": "nan"}},
        {"step": 4, "time": 2, "metrics": {"é": "-inf"}, "fit": 2},
    ]


def test_step_that_goes_back_or_repeats_is_dropped_and_counted(path: Path) -> None:
    write(path, (3, {"a": 1}), (2, {"a": 2}), (3, {"a": 3}), (4, {"a": 4}))
    curve = read_curve(path.parent)
    assert (values(curve, "a"), curve.dropped) == ({3: 1, 4: 4}, 2)


def test_metrics_have_steps_of_their_own(path: Path) -> None:
    write(path, (100, {"a": 1}), (0, {"b": 2}), (100, {"c": 3}), (101, {"a": 4, "b": 5}), (1, {"a": 6, "d": 7}))
    curve = read_curve(path.parent)
    assert values(curve, "a") == {100: 1, 101: 4}
    assert values(curve, "b") == {0: 2, 101: 5}
    assert values(curve, "c") == {100: 3}
    assert values(curve, "d") == {1: 7}
    assert curve.dropped == 1


def test_value_that_is_not_finite_is_dropped_and_counted(path: Path) -> None:
    write(path, (0, {"a": math.nan, "b": 1}), (1, {"a": math.inf}), (2, {"a": 2, "b": -math.inf}))
    curve = read_curve(path.parent)
    assert (values(curve, "a"), values(curve, "b"), curve.dropped) == ({2: 2}, {0: 1}, 3)


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{}",
        '{"step": 1.5, "time": 0, "metrics": {"a": 1}}',
        '{"step": 1, "time": 0, "metrics": [1]}',
        '{"step": 1, "time": 0, "metrics": {"a": NaN}}',
        '{"step": 1, "time": 0, "metrics": {"a": 1}, "fit": "x"}',
        '{"step": 1, "time": 0, "metr{"step": 2, "time": 0, "metrics": {"a": 1}}',
        "\udcff",
    ],
)
def test_line_that_is_no_point_is_dropped_and_counted(path: Path, line: str) -> None:
    path.write_bytes(line.encode("utf-8", "surrogateescape") + b"\n")
    write(path, (9, {"a": 1}))
    curve = read_curve(path.parent)
    assert (values(curve, "a"), curve.dropped) == ({9: 1}, 1)


def test_torn_last_line_is_ignored_until_it_is_whole(path: Path) -> None:
    write(path, (0, {"a": 1}), (1, {"a": 2}))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    reader = CurveReader(path)
    assert [point.step for point in reader.new_points()] == [0]
    assert reader.new_points() == []
    path.write_bytes(whole)
    assert [point.step for point in reader.new_points()] == [1]
    assert reader.dropped == 0


def test_line_after_a_torn_one_is_whole(path: Path) -> None:
    path.write_text('{"step": 0, "ti')
    write(path, (1, {"a": 1}))
    curve = read_curve(path.parent)
    assert (values(curve, "a"), curve.dropped) == ({1: 1}, 1)


def test_reader_sees_each_point_once_however_the_file_grows(path: Path) -> None:
    write(path, *((step, {"a": step}) for step in range(5)))
    content = path.read_bytes()
    path.write_bytes(b"")
    reader = CurveReader(path)
    seen: list[int] = []
    with open(path, "ab", buffering=0) as file:
        for at in range(0, len(content), 7):
            file.write(content[at : at + 7])
            seen += [point.step for point in reader.new_points()]
    assert seen == [0, 1, 2, 3, 4]
    assert values(reader, "a") == {step: step for step in range(5)}


def test_reader_reads_no_byte_twice(path: Path) -> None:
    write(path, (0, {"a": 1}))
    reader = CurveReader(path)
    reader.new_points()
    with open(path, "r+b") as file:
        file.write(b"#" * 10)  # what was read already
    write(path, (1, {"a": 2}))
    assert [point.step for point in reader.new_points()] == [1]
    assert reader.dropped == 0


def test_file_that_was_begun_again_is_read_from_its_start(path: Path) -> None:
    write(path, (7, {"a": 1}), (8, {"a": 1}))
    reader = CurveReader(path)
    reader.new_points()
    path.unlink()
    write(path, (0, {"a": 2}))
    assert [point.step for point in reader.new_points()] == [0]
    assert values(reader, "a") == {0: 2}


def test_reader_tells_what_came_last_as_the_whole_curve_has_it(path: Path) -> None:
    reader = CurveReader(path)
    assert (reader.step, reader.last(), reader.curves) == (None, {}, {})
    write(path, (0, {"a": 1, "b": 2}, 1), (1, {"a": 3}, 1), (0, {"a": 4}, 2), (7, {"c": 5}))
    reader.new_points()
    curve = read_curve(path.parent)
    assert reader.step == curve.points[-1].step == 7
    assert list(reader.last().items()) == list(curve.last().items()) == [("b", 2), ("a", 4), ("c", 5)]
    assert {name: values(reader, name) for name in "abc"} == {name: values(curve, name) for name in "abc"}
    write(path, (0, {"a": 9}, 1))
    reader.new_points()
    assert (reader.step, reader.last()["a"]) == (7, 4), "of an earlier fit"


def test_curve_of_the_last_fit_wins(path: Path) -> None:
    write(path, (0, {"a": 1, "pretrain": 9}, 1), (1, {"a": 2}, 1), (0, {"a": 3}, 2))
    reader = CurveReader(path)
    assert [(point.fit, point.step) for point in reader.new_points()] == [(1, 0), (1, 1), (2, 0)]
    assert values(reader, "a") == {0: 3}
    assert values(reader, "pretrain") == {0: 9}
    assert reader.dropped == 0
    write(path, (1, {"a": 4}, 1), (1, {"a": 5}, 2))
    assert values(reader, "a") == {0: 3}
    reader.new_points()
    assert values(reader, "a") == {0: 3, 1: 5}


@pytest.mark.parametrize("first", [0, 1])
def test_what_was_reported_wins_over_lightnings_curve(path: Path, first: int) -> None:
    points: list[tuple[Any, ...]] = [(0, {"a": 1, "b": 2}, 1), (0, {"a": 10})]
    write(path, points[first], points[1 - first], (1, {"a": 3, "b": 4}, 1), (1, {"a": 30}))
    curve = read_curve(path.parent)
    assert (values(curve, "a"), values(curve, "b"), curve.dropped) == ({0: 10, 1: 30}, {0: 2, 1: 4}, 0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_poisoned_line_is_dropped_and_counted(path: Path, line: bytes) -> None:
    path.write_bytes(line)
    write(path, (9, {"a": 1}))
    curve = read_curve(path.parent)
    assert (values(curve, "a"), curve.dropped) == ({9: 1}, 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", CURVES.values(), ids=CURVES)
def test_what_stands_in_place_of_a_curve_is_an_empty_one(path: Path, make: Any) -> None:
    make(path)
    assert read_curve(path.parent).points == ()
    assert CurveReader(path).last() == {}


@pytest.mark.parametrize("last", ["x", None, True, 10**400])
def test_number_of_the_last_fit_that_is_none_is_as_if_it_were_not_there(path: Path, last: Any) -> None:
    write(path, (0, {"a": 1}, 1))
    (path.parent / LIGHTNING).write_text(json.dumps({"last": last}))
    assert read_curve(path.parent).last() == {"a": 1}


def test_long_line_is_dropped_once_when_it_is_whole(path: Path) -> None:
    reader = CurveReader(path)
    write(path, (0, {"a": 1}))
    for size in (700_000, 700_000, 2_000_000, 10):
        with path.open("ab") as file:
            file.write(b"x" * size)
        reader.new_points()
    with path.open("ab") as file:
        file.write(b"\n")
    write(path, (1, {"a": 2}))
    reader.new_points()
    assert (values(reader, "a"), reader.dropped) == ({0: 1, 1: 2}, 1)


def test_curve_is_read_up_to_its_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, *((step, {"a": step}) for step in range(10)))
    size = path.stat().st_size
    monkeypatch.setattr("ax_mo.trial.curve.MOST_BYTES_OF_CURVE", size // 2 + 3)
    reader = CurveReader(path)
    reader.new_points()
    assert values(reader, "a") == {step: step for step in range(5)}
    write(path, (10, {"a": 10}))
    assert reader.new_points() == []


def test_metric_of_a_curve_has_the_name_that_tables_take(path: Path) -> None:
    path.write_text('{"step": 0, "time": "x", "metrics": {"a\\u0000b\\ud800": 1}}\n')
    (point,) = read_curve(path.parent).points
    assert (point.metrics, point.time) == ({"a\ufffdb\ufffd": 1}, 0.0)


THREE = Curve([1, 3, 4], [0.2, 0.6, 0.5])


@pytest.mark.parametrize(("step", "value"), [(0, None), (1, 0.2), (2, 0.4), (3, 0.6), (4, 0.5), (5, None)])
def test_value_between_two_points_lies_on_the_line_between_them(step: int, value: float | None) -> None:
    assert THREE.at(step) == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("step", "highest", "lowest"), [(0, None, None), (1, 0.2, 0.2), (2, 0.2, 0.2), (4, 0.6, 0.2), (9, 0.6, 0.2)]
)
def test_best_is_that_of_the_points_up_to_the_step(step: int, highest: float | None, lowest: float | None) -> None:
    assert (THREE.best(step, True), THREE.best(step, False)) == (highest, lowest)


def test_best_of_a_growing_curve_is_that_of_all_its_points() -> None:
    growing = Curve([1], [0.2])
    assert growing.best(9, True) == 0.2
    for step, value in ((2, 0.6), (3, 0.5)):
        growing.steps.append(step)
        growing.values.append(value)
    assert (growing.best(3, True), growing.best(2, False), growing.best(1, True)) == (0.6, 0.2, 0.2)
