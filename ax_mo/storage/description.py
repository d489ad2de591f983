"""``study.json``: what a study is, beside its database, so that the database can be lost.

It holds what no trial's directory does: the definition that a resume is compared with, what readers are told, the
seed, and the trials that were imported from other studies.
"""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from ax_mo.core.checked import CheckedObject, Wrong
from ax_mo.core.trial import Status, TrialRun
from ax_mo.core.urls import redacted
from ax_mo.errors import AxMoError
from ax_mo.search_space.space import space_from_json
from ax_mo.storage.store import Definition, StoredStudy
from ax_mo.trial.files import write_atomically

DESCRIPTION = "study.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Description:
    """A study with its imported trials alone, and where its database is."""

    study: StoredStudy
    storage: str | None
    """The URL without its password; None for the directory's own file."""


def write_description(sweep_dir: Path, study: StoredStudy, storage: str | None) -> None:
    """Write ``study.json``, atomically."""
    definition = study.definition
    content = {
        "schema": _SCHEMA,
        "name": study.name,
        "storage": None if storage is None else redacted(storage),
        "sweep_dir": study.sweep_dir,
        "created": study.created,
        "seed": study.seed,
        "params": dict(definition.params),
        "objectives": dict(definition.objectives),
        "fixed": list(definition.fixed),
        "about": json.loads(study.about),
        "imported": [_imported(run) for run in study.runs if run.status is Status.IMPORTED],
    }
    # Not as strict JSON: a choice may hold NaN, which Python reads again.
    write_atomically(sweep_dir / DESCRIPTION, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_description(sweep_dir: Path) -> Description | None:
    """What the directory says of its study; None where there is no such file.

    Raises AxMoError for one that cannot be read or is damaged, with its path and the key that is wrong.
    """
    path = sweep_dir / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AxMoError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise AxMoError(f"{path} is damaged: {error}.") from None
    try:
        given = CheckedObject.of(content)
        schema = given.value("schema")
        if schema != _SCHEMA:
            raise AxMoError(f"{path} was written by another version of ax_mo (schema {schema}).")
        return _description(given)
    except Wrong as error:
        raise AxMoError(f"{path} is damaged: {error}.") from None


def rebuild_hint(sweep_dir: Path) -> str:
    """A sentence for a study whose database is lost; nothing where the directory cannot make it anew."""
    try:
        description = read_description(sweep_dir)
    except AxMoError as error:
        return f" It cannot be rebuilt: {error}"
    if description is None or description.storage is not None:
        return ""
    return f" Its trials are there: ax-mo rebuild {shlex.quote(str(sweep_dir))} makes it anew."


def _description(given: CheckedObject) -> Description:
    imported = [_trial(entry) for entry in given.objects("imported")]
    if len({trial.number for trial in imported}) < len(imported):
        raise Wrong("two of the trials under 'imported' have the same 'number'")
    study = StoredStudy(
        name=given.text("name"),
        sweep_dir=given.text("sweep_dir"),
        definition=Definition(
            given.text_by_name("params"), given.text_by_name("objectives"), tuple(given.texts("fixed"))
        ),
        runs=tuple(imported),
        seed=given.whole("seed"),
        created=given.moment("created"),
        about=json.dumps(_about(given.object("about")).content),
    )
    return Description(study, given.text_or_null("storage"))


def _about(given: CheckedObject) -> CheckedObject:
    """What ``record.about`` made, as far as its readers take it for granted."""
    space = given.object("space").content
    try:
        space_from_json(space)
    except (HydraException, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Wrong(f"'about.space' is no space: {error!r}") from None
    given.object("objectives")
    given.texts("constraints")
    given.object("settings")
    given.text_by_name("commands")
    return given


def _imported(trial: TrialRun) -> dict[str, Any]:
    return {
        "number": trial.number,
        "point": dict(trial.point),
        "overrides": list(trial.overrides),
        "directory": trial.directory,
        "generator": trial.generator,
        "handle": trial.handle,
        "metrics": dict(trial.metrics),
        "started": trial.started,
        "ended": trial.ended,
    }


def _trial(given: CheckedObject) -> TrialRun:
    number = given.whole("number")
    if number >= 0:
        raise Wrong(f"'{given.at}.number' must be below 0, as imported trials are counted, and is {number}")
    return TrialRun(
        number=number,
        status=Status.IMPORTED,
        point=given.object("point").content,
        overrides=tuple(given.texts("overrides")),
        directory=given.text("directory"),
        generator=given.text("generator"),
        handle=given.text_or_null("handle"),
        metrics=given.number_by_name("metrics"),
        started=given.moment_or_null("started"),
        ended=given.moment_or_null("ended"),
    )
