"""``study.json``: what a study is, beside its database, so that the database can be lost.

It holds what no trial's directory does: the definition that a resume is compared with, what readers are told, the
seed, and the trials that were imported from other studies.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.errors import AxMoError
from ax_mo.study.store import Definition, StoredStudy
from ax_mo.study.trial import Status, Trial
from ax_mo.study.urls import redacted
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
    """What the directory says of its study; None where there is no such file. Raises AxMoError for a damaged one."""
    path = sweep_dir / DESCRIPTION
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        content = json.loads(text)
        if content["schema"] != _SCHEMA:
            raise AxMoError(f"{path} was written by another version of ax_mo (schema {content['schema']}).")
        return _description(content)
    except (ValueError, KeyError, TypeError) as error:
        raise AxMoError(f"{path} is damaged: {error!r}.") from None


def rebuild_hint(sweep_dir: Path) -> str:
    """A sentence for a study whose database is lost; nothing where the directory cannot make it anew."""
    try:
        description = read_description(sweep_dir)
    except AxMoError:
        return ""
    if description is None or description.storage is not None:
        return ""
    return f" Its trials are there: ax-mo rebuild {shlex.quote(str(sweep_dir))} makes it anew."


def _description(content: Mapping[str, Any]) -> Description:
    study = StoredStudy(
        name=content["name"],
        sweep_dir=content["sweep_dir"],
        definition=Definition(content["params"], content["objectives"], tuple(content["fixed"])),
        runs=tuple(_trial(entry) for entry in content["imported"]),
        seed=content["seed"],
        created=content["created"],
        about=json.dumps(content["about"]),
    )
    return Description(study, content["storage"])


def _imported(trial: Trial) -> dict[str, Any]:
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


def _trial(entry: Mapping[str, Any]) -> Trial:
    return Trial(**{**entry, "overrides": tuple(entry["overrides"])}, status=Status.IMPORTED)
