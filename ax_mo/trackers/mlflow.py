"""A study in MLflow: a parent run, and a run per trial below it.

Where a trial has made a run of its own (``mlflow.start_run``, Lightning's ``MLFlowLogger``), which it finds by the tags
of ``MLFLOW_RUN_CONTEXT``, that one is the trial's run: it is completed, not doubled. Server and experiment are those of
MLflow's own variables: ``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``, ``MLFLOW_EXPERIMENT_ID``.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking.context.registry import resolve_tags

from ax_mo.core.trial import Status, Trial
from ax_mo.results.tables import json_text
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import StudyEnd
from ax_mo.trackers.env import (
    ATTEMPT_TAG,
    MLFLOW_PARENT,
    RUN_TAG,
    STUDY_ID_TAG,
    STUDY_TAG,
    TRIAL_TAG,
    StudyTag,
    mlflow_tags,
)

PARETO_TAG = "ax_mo.pareto"
STATUS_TAG = "ax_mo.status"
DIRECTORY_TAG = "ax_mo.directory"
"""A run that has it is logged: with what its trial left there, which may have trained on since."""

_STATUS = {Status.COMPLETED: "FINISHED", Status.FAILED: "FAILED", Status.EARLY_STOPPED: "KILLED"}
_STATE = {StudyEnd.FINISHED: "FINISHED", StudyEnd.INTERRUPTED: "KILLED", StudyEnd.STOPPED: "FAILED"}
# MLflow's limits: of a param's value in its oldest servers that matter, of a tag's, and of what a request may hold.
_LONGEST_PARAM = 500
_LONGEST_TAG = 5000
_MOST_AT_ONCE = 100
# MLflow tries an address that does not answer for minutes, during which the study may end; we try again ourselves.
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # our log may be read by others than the server
}


class MlflowTracker:
    """Finds the study's runs by their tags, so that a resume goes on with the same."""

    def __init__(self, tag: StudyTag, directory: Path) -> None:
        self._tag = tag
        for name, value in _IMPATIENT.items():
            os.environ.setdefault(name, value)
        mlflow.set_tracking_uri(_without_password(str(mlflow.get_tracking_uri())))
        self._client = mlflow.MlflowClient()
        self._parent = ""
        self._logged: dict[int, tuple[str, str]] = {}  # the run of each trial, and the directory that it was logged of
        self._flagged: set[str] = set()  # runs that are on the front

    def started(self, record: StudySnapshot) -> str | None:
        runs = self._search({STUDY_ID_TAG: self._tag.id})
        of_study = [run for run in runs if TRIAL_TAG not in run.data.tags]
        if not of_study:
            tags = resolve_tags({STUDY_TAG: self._tag.label, STUDY_ID_TAG: self._tag.id})
            of_study = [self._client.create_run(self._experiment(), tags=tags, run_name=self._tag.label)]
        self._parent = of_study[0].info.run_id
        of_trials = [(run.info.run_id, run.data.tags) for run in runs if DIRECTORY_TAG in run.data.tags]
        self._logged = {int(tags[TRIAL_TAG]): (run_id, tags[DIRECTORY_TAG]) for run_id, tags in of_trials}
        self._flagged = {run.info.run_id for run in runs if run.data.tags.get(PARETO_TAG) == "true"}
        self._client.update_run(self._parent, status="RUNNING")
        asked: dict[str, Any] = {f"objective {o.name}": o.described for o in record.goals.objectives}
        asked |= {f"space {key}": text for key, text in record.space.describe().items()}
        constraints = [constraint.text for constraint in record.goals.constraints]
        if constraints:
            asked["constraints"] = ", ".join(constraints)
        # What is there with another value, as after a resume with other settings, stays what it is.
        asked |= {"seed": record.seed, **record.settings}
        self._log(self._parent, _missing(asked, of_study[0].data.params), {})
        return self._parent

    def ended(self, trial: Trial) -> None:
        before, directory = self._logged.get(trial.number, (None, None))
        if directory == trial.directory:
            return
        tags = mlflow_tags(self._tag, trial, self._parent)
        run = self._run_of(trial, tags) if before is None else self._client.get_run(before)
        run_id, have, metrics = run.info.run_id, run.data, trial.metrics
        tags |= {"ax_mo.generator": trial.generator, "ax_mo.reason": (trial.reason or "")[:_LONGEST_TAG]}
        if before is None:  # what the trial has logged itself stays; what we have, of a lower rung, does not
            tags = _missing({name: text for name, text in tags.items() if text}, have.tags)
            metrics = _missing(metrics, have.metrics)
        self._log(run_id, _missing(trial.point, have.params), metrics, tags)
        if before is not None or run.info.status == "RUNNING":  # also where a trial that was killed could not end it
            self._client.set_terminated(run_id, _STATUS[trial.status], _milliseconds(trial.ended))
        self._log(run_id, {}, {}, {STATUS_TAG: trial.status.value, DIRECTORY_TAG: trial.directory})
        self._logged[trial.number] = run_id, trial.directory

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        now = {self._logged[number][0] for number in numbers if number in self._logged}
        for run_id in self._flagged ^ now:
            self._client.set_tag(run_id, PARETO_TAG, "true" if run_id in now else "false")
        self._flagged = now
        self._log(self._parent, {}, {"pareto_points": len(numbers), "hypervolume": hypervolume}, step=len(self._logged))

    def finished(self, record: StudySnapshot, report: Path | None, state: StudyEnd) -> None:
        for run in self._search({STUDY_ID_TAG: self._tag.id}):  # those that trials began before the study's was there
            if TRIAL_TAG in run.data.tags and MLFLOW_PARENT not in run.data.tags:
                self._client.set_tag(run.info.run_id, MLFLOW_PARENT, self._parent)
        if report is not None:
            self._client.log_artifact(self._parent, str(report))
        self._client.set_terminated(self._parent, _STATE[state])

    def _run_of(self, trial: Trial, tags: Mapping[str, str]) -> Any:
        """The trial's run: one that we had begun before the server went away, or that the trial has made itself, if it
        made just one; otherwise a new one with these tags.
        """
        name = f"trial {trial.label}"
        found = self._search({RUN_TAG: self._tag.run_id(trial), ATTEMPT_TAG: str(trial.attempt)})
        begun = [run for run in found if run.info.run_name == name] or found
        if len(begun) == 1:
            return begun[0]
        return self._client.create_run(self._experiment(), _milliseconds(trial.started), dict(tags), name)

    def _search(self, tags: Mapping[str, str]) -> list[Any]:
        condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        found = mlflow.search_runs(filter_string=condition, output_format="list", search_all_experiments=True)
        return list(found)

    def _experiment(self) -> str:
        """By MLflow's own rules."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
        if not name:
            return os.environ.get("MLFLOW_EXPERIMENT_ID") or "0"
        found = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if found is None else found.experiment_id)

    def _log(
        self,
        run_id: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> None:
        moment = int(time.time() * 1000)
        values = [Metric(key_for(name), value, moment, step) for name, value in metrics.items()]
        texts = [Param(key_for(key), json_text(value)[:_LONGEST_PARAM]) for key, value in params.items()]
        labels = [RunTag(key, value) for key, value in (tags or {}).items()]
        for begin in range(0, max(len(values), len(texts), len(labels)), _MOST_AT_ONCE):
            part = slice(begin, begin + _MOST_AT_ONCE)
            self._client.log_batch(run_id, metrics=values[part], params=texts[part], tags=labels[part])


def key_for(name: str) -> str:
    """A name with those characters alone that MLflow takes in names of params and metrics."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)


def _missing(values: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if key_for(name) not in there}


def _without_password(uri: str) -> str:
    """The URI without a user's name and password, which MLflow is told by its own variables.

    As part of the URI, they would be in its error messages and in what it prints.
    """
    scheme, separator, rest = uri.partition("://")
    user, at, place = rest.rpartition("@")
    name, colon, password = user.partition(":")
    if scheme not in ("http", "https") or not (at and colon) or "/" in name:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(name), unquote(password)
    return f"{scheme}{separator}{place}"


def _milliseconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp() * 1000)
