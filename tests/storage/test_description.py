"""``study.json``: written, read, and refused with the key that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.storage.description import DESCRIPTION, read_description, write_description
from ax_mo.storage.snapshot import about
from ax_mo.storage.store import Definition, StoredStudy, now
from tests.support.studies import CONDITIONAL

GOALS = parse_goals({"loss": "minimize", "top 5 (%)": "maximize"}, None, ["cost <= 1e-11"])
IMPORTED = TrialRun(
    number=-1,
    status=Status.IMPORTED,
    point={"lr": float("nan"), "layers": [64, 64]},
    overrides=("lr=nan",),
    directory="/elsewhere/3",
    generator="imported",
    handle="handle",
    metrics={"loss": 1, "cost": 0.5},
    started=now(),
)
STUDY = StoredStudy(
    name="nas",
    sweep_dir="/sweeps/nas",
    definition=Definition({"lr": "interval(0, 1)"}, {"loss": "minimize"}, ("epochs=1",)),
    runs=(IMPORTED, TrialRun(number=0, status=Status.COMPLETED, point={}, overrides=(), directory="0")),
    seed=7,
    created=now(),
    about=json.dumps(about(CONDITIONAL, GOALS, {"n_trials": 3}, {"resume": "python train.py"})),
)


def message_of(directory: Path) -> str:
    with pytest.raises(AxMoError) as caught:
        read_description(directory)
    return str(caught.value)


def edited(directory: Path, path: str, value: Any) -> None:
    """Write the study with another value at ``path``, such as ``imported.0.number``; ``...`` takes the key away."""
    write_description(directory, STUDY, None)
    content = json.loads((directory / DESCRIPTION).read_text())
    *above, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = content
    for key in above:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    (directory / DESCRIPTION).write_text(json.dumps(content))


def test_study_and_its_imported_trials_are_read_as_written(tmp_path: Path) -> None:
    write_description(tmp_path, STUDY, "postgresql://me:secret@host/db")
    found = read_description(tmp_path)
    assert found is not None and found.storage == "postgresql://me:***@host/db"
    assert repr(found.study.runs) == repr((IMPORTED,))  # NaN is not equal to itself
    assert found.study.definition == STUDY.definition
    assert json.loads(found.study.about) == json.loads(STUDY.about)
    assert (found.study.name, found.study.sweep_dir) == (STUDY.name, STUDY.sweep_dir)
    assert (found.study.seed, found.study.created) == (STUDY.seed, STUDY.created)


def test_directory_without_the_file_has_no_description(tmp_path: Path) -> None:
    assert read_description(tmp_path) is None
    assert read_description(tmp_path / "nothing") is None


# BUG: it counted as "holds no study.json".
def test_file_that_is_there_and_cannot_be_read_is_no_missing_file(tmp_path: Path) -> None:
    (tmp_path / DESCRIPTION).mkdir()
    assert message_of(tmp_path) == f"{tmp_path / DESCRIPTION} cannot be read: Is a directory."


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe{}", b"[]", b"null", b"[" * 100_000],
    ids=["empty", "half", "UTF-16", "list", "null", "deep"],
)
def test_what_is_no_object_in_json_is_told_with_the_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DESCRIPTION).write_bytes(content)
    assert message_of(tmp_path).startswith(f"{tmp_path / DESCRIPTION} is damaged: ")


def test_schema_of_another_version_is_told(tmp_path: Path) -> None:
    edited(tmp_path, "schema", 2)
    assert message_of(tmp_path) == f"{tmp_path / DESCRIPTION} was written by another version of ax_mo (schema 2)."


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("schema", ..., "it has no 'schema'"),
        ("name", None, "'name' must be text, and is None"),
        ("storage", 5, "'storage' must be text, and is 5"),
        ("sweep_dir", 5, "'sweep_dir' must be text, and is 5"),
        ("created", "yesterday", "'created' must be a time such as 2026-11-02T10:15:00+00:00, and is 'yesterday'"),
        ("created", "2026-11-02T10:15:00", "'created' must be a time such as"),
        ("seed", "x", "'seed' must be a whole number of at most 64 bits, and is 'x'"),
        ("seed", True, "'seed' must be a whole number"),
        ("seed", 2**63, "'seed' must be a whole number of at most 64 bits, and is 9223372036854775808"),
        ("params", [], "'params' must be an object, and is []"),
        ("params", {"lr": 5}, "'params.lr' must be text, and is 5"),
        ("objectives", "loss", "'objectives' must be an object, and is 'loss'"),
        ("fixed", "epochs=1", "'fixed' must be a list of texts, and is 'epochs=1'"),
        ("fixed", ["a", 1], "'fixed' must be a list of texts, and is ['a', 1]"),
        ("about", [], "'about' must be an object, and is []"),
        ("about", {}, "it has no 'about.space'"),
        ("about.space.parameters", ..., "'about.space' is no space: KeyError('parameters')"),
        ("about.space.constraints", [{"terms": [], "bound": 1, "text": ""}], "'about.space' is no space: Attribute"),
        ("about.objectives", ["loss"], "'about.objectives' must be an object"),
        ("about.constraints", "a <= 1", "'about.constraints' must be a list of texts"),
        ("about.settings", 5, "'about.settings' must be an object, and is 5"),
        ("about.commands", {"resume": 5}, "'about.commands.resume' must be text, and is 5"),
        ("imported", {}, "'imported' must be a list of objects, and is {}"),
        ("imported.0", 5, "'imported[0]' must be an object, and is 5"),
        ("imported.0.number", 3, "'imported[0].number' must be below 0"),
        ("imported.0.number", ..., "it has no 'imported[0].number'"),
        ("imported.0.point", "lr", "'imported[0].point' must be an object"),
        ("imported.0.overrides", "lr=1", "'imported[0].overrides' must be a list of texts"),
        ("imported.0.directory", None, "'imported[0].directory' must be text"),
        ("imported.0.handle", 5, "'imported[0].handle' must be text"),
        ("imported.0.metrics", {"loss": "low"}, "'imported[0].metrics.loss' must be a finite number, and is 'low'"),
        ("imported.0.metrics", {"loss": float("nan")}, "'imported[0].metrics.loss' must be a finite number"),
        ("imported.0.started", "", "'imported[0].started' must be a time"),
        ("imported.0.ended", 5, "'imported[0].ended' must be text"),
    ],
)  # fmt: skip
def test_value_of_another_kind_is_told_with_path_and_key(tmp_path: Path, path: str, value: Any, said: str) -> None:
    edited(tmp_path, path, value)
    message = message_of(tmp_path)
    assert message.startswith(f"{tmp_path / DESCRIPTION} is damaged: {said}")
    assert "\n" not in message


def test_two_imported_trials_of_one_number_are_told(tmp_path: Path) -> None:
    write_description(tmp_path, STUDY, None)
    content = json.loads((tmp_path / DESCRIPTION).read_text())
    edited(tmp_path, "imported", content["imported"] * 2)
    assert "two of the trials under 'imported' have the same 'number'" in message_of(tmp_path)


def test_a_long_value_is_not_repeated_in_full(tmp_path: Path) -> None:
    edited(tmp_path, "seed", "x" * 10_000)
    assert len(message_of(tmp_path)) < 300 + len(str(tmp_path))
