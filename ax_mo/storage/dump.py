"""``study.json``: the study's rows once more, beside its database, so that the database can be lost."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.core.trial import Status, TrialRun
from ax_mo.core.urls import redacted
from ax_mo.errors import AxMoError, ConfigError
from ax_mo.storage.damage import Damaged
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.rows import ROW_SCHEMA, run_as_row, study_from_rows, study_row
from ax_mo.storage.sweep_directory import DUMP
from ax_mo.trial.files import write_atomically

_SCHEMA = 2


@dataclass(frozen=True)
class Dump:
    """A study as it was when its files were written last, and where its database is."""

    study: StoredStudy
    storage: str | None
    """The URL without its password; None for the directory's own file."""


def write_dump(sweep_dir: Path, study: StoredStudy, storage: str | None) -> None:
    """Write ``study.json``, atomically: each row as it is in the database. Raises OSError."""
    content = {
        "schema": _SCHEMA,
        "storage": None if storage is None else redacted(storage),
        "study": {"id": 0, **study_row(study)},
        "runs": [run_as_row(run, 0) for run in study.runs],
    }
    write_atomically(sweep_dir / DUMP, json.dumps(content) + "\n")


def read_dump(sweep_dir: Path) -> Dump | None:
    """What the directory says of its study; None where there is no such file.

    One that an earlier version wrote (schema 1) has the imported runs alone. Raises AxMoError for a file that cannot be
    read or is damaged, with its path.
    """
    path = sweep_dir / DUMP
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise Damaged("it is no object")
        schema, storage = content["schema"], content["storage"]
        if schema not in (1, _SCHEMA):
            raise AxMoError(f"{path} was written by another version of ax_mo (schema {schema}).")
        if not isinstance(storage, str | None):
            raise Damaged(f"storage is {storage!r}")
        row, runs = (content["study"], content["runs"]) if schema == _SCHEMA else _rows_of_schema_1(content)
        return Dump(study_from_rows(row, runs), storage)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AxMoError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ConfigError as error:
        raise AxMoError(f"{path}: {error}") from None
    except KeyError as error:
        raise AxMoError(f"{path} is damaged: it has no {error}.") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:  # Damaged is a ValueError
        raise AxMoError(f"{path} is damaged: {error}.") from None


def rebuild_hint(sweep_dir: Path) -> str:
    """A sentence for a study whose database is lost; nothing where the directory cannot make it anew."""
    try:
        dump = read_dump(sweep_dir)
    except AxMoError as error:
        return f" It cannot be rebuilt: {error}"
    if dump is None or dump.storage is not None:
        return ""
    return f" Its trials are there: ax-mo rebuild {shlex.quote(str(sweep_dir))} makes it anew."


def _rows_of_schema_1(content: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The rows of a file that has no rows. Raises KeyError, TypeError or ValueError."""
    as_text = {name: json.dumps(content[name]) for name in ("params", "objectives", "fixed", "about")}
    as_it_is = {name: content[name] for name in ("name", "sweep_dir", "seed", "created")}
    imported = [
        TrialRun(
            number=run["number"], status=Status.IMPORTED, point=run["point"], overrides=tuple(run["overrides"]),
            directory=run["directory"], generator=run["generator"], handle=run["handle"], metrics=run["metrics"],
            started=run["started"], ended=run["ended"],
        )
        for run in content["imported"]
    ]  # fmt: skip
    return {"id": 0, "schema": ROW_SCHEMA, **as_it_is, **as_text}, [run_as_row(run, 0) for run in imported]
