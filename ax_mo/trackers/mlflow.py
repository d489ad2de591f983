"""A study in MLflow: a parent run, and a run per trial below it.

Where a trial has made a run of its own (``mlflow.start_run``, Lightning's ``MLFlowLogger``), which it finds by the tags
of ``MLFLOW_RUN_CONTEXT``, that one is the trial's run: it is completed, not doubled. Server and experiment are those of
MLflow's own variables: ``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``, ``MLFLOW_EXPERIMENT_ID``.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from ax_mo.core.trial import Status, Trial
from ax_mo.results.tables import json_text
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import Kept, StudyEnd
from ax_mo.trackers.env import (
    ATTEMPT_TAG,
    MLFLOW_PARENT,
    RUN_TAG,
    STUDY_ID_TAG,
    STUDY_TAG,
    TRIAL_TAG,
    StudyTag,
    key_for,
    mlflow_tags,
)

PARETO_TAG = "ax_mo.pareto"
STATUS_TAG = "ax_mo.status"

_STATUS = {Status.COMPLETED: "FINISHED", Status.FAILED: "FAILED", Status.EARLY_STOPPED: "KILLED"}
_STATE = {StudyEnd.FINISHED: "FINISHED", StudyEnd.INTERRUPTED: "KILLED", StudyEnd.STOPPED: "FAILED"}
# MLflow's limits: of a param's value in its oldest servers that matter, and of what one request may hold.
_LONGEST_PARAM = 500
_MOST_AT_ONCE = 100
# Of the value of a tag.
_LONGEST_TAG = 5000
# How many experiments or runs are read at once: as many as MLflow's servers allow.
_PAGE = 1000
# MLflow tries an address that does not answer for minutes, during which the study may end; we try again ourselves.
_PATIENCE = 5.0
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # our log may be read by others than the server
}


class MlflowTracker:
    """``directory`` is the sweep's: it keeps which run is which trial's, so that a resume goes on with the same."""

    def __init__(self, tag: StudyTag, directory: Path) -> None:
        self._tag = tag
        for name, value in _IMPATIENT.items():
            os.environ.setdefault(name, value)
        self._uri = _without_password(str(mlflow.get_tracking_uri()))
        self._client = mlflow.MlflowClient(self._uri)
        self._kept = Kept(directory, "mlflow")
        if self._kept.values.get("server") != _server(self._uri):  # another server knows nothing of those runs
            self._kept.forget()
        self._parent_checked = False
        self._flagged: set[str] | None = None  # runs that are on the front, as MLflow has it; None: to be asked

    @property
    def _runs(self) -> dict[str, str]:
        runs = self._kept.values.get("runs")
        return runs if isinstance(runs, dict) else {}

    def started(self, record: StudySnapshot) -> str | None:
        parent = self._parent()
        self._client.update_run(parent, status="RUNNING")
        asked = {f"objective {o.name}": o.described for o in record.goals.objectives}
        asked |= {f"space {key}": text for key, text in record.space.describe().items()}
        constraints = [constraint.text for constraint in record.goals.constraints]
        if constraints:
            asked["constraints"] = ", ".join(constraints)
        self._describe(parent, {**asked, "seed": record.seed, **record.settings})
        return parent

    def ended(self, trial: Trial) -> None:
        if str(trial.number) in self._runs:
            return
        parent = self._parent()
        own = self._run_of(trial)
        if own is None:
            tags = {**mlflow_tags(self._tag, trial, parent), **_tags(trial)}
            name = f"trial {trial.label}"
            run_id = self._client.create_run(self._experiment(), _milliseconds(trial.started), tags, name).info.run_id
            self._log(run_id, trial.point, trial.metrics)
            self._client.set_terminated(run_id, _STATUS[trial.status], _milliseconds(trial.ended))
        else:
            run_id = own.info.run_id
            self._complete(own, trial, parent)
            if own.info.status == "RUNNING":  # a trial that was killed could not end its run
                self._client.set_terminated(run_id, _STATUS[trial.status], _milliseconds(trial.ended))
        self._kept.save(runs={**self._runs, str(trial.number): run_id})

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        runs = self._runs
        now = {runs[str(number)] for number in numbers if str(number) in runs}
        before, self._flagged = self._flagged, None  # a server may have set a flag although its answer is lost
        if before is None:
            before = {run.info.run_id for run in self._search({STUDY_ID_TAG: self._tag.id, PARETO_TAG: "true"})}
        for run_id in before ^ now:
            self._client.set_tag(run_id, PARETO_TAG, "true" if run_id in now else "false")
        self._flagged = now
        metrics = {"pareto_points": float(len(numbers)), "hypervolume": hypervolume}
        self._log(self._parent(), {}, metrics, step=len(runs))

    def finished(self, record: StudySnapshot, report: Path | None, state: StudyEnd) -> None:
        parent = self._parent()
        self._adopt(parent)
        if report is not None:
            self._client.log_artifact(parent, str(report))
        self._client.set_terminated(parent, _STATE[state])

    # The study's own run

    def _parent(self) -> str:
        """The run of the study; made anew when it is nowhere any more."""
        self._check_answers()
        parent = self._kept.values.get("parent")
        if parent and not self._parent_checked and not self._exists(str(parent)):
            self._kept.forget()
            parent = None
        if not parent:
            parent = self._begun_parent()
        if not parent:
            tags = {STUDY_TAG: self._tag.label, STUDY_ID_TAG: self._tag.id}
            run = self._client.create_run(self._experiment(), tags=_with_context(tags), run_name=self._tag.label)
            parent = run.info.run_id
        if not self._parent_checked:
            self._kept.save(server=_server(self._uri), parent=parent)
        self._parent_checked = True
        return str(parent)

    def _begun_parent(self) -> str | None:
        """The study's run that the server has made although its answer did not arrive."""
        found = [run for run in self._search({STUDY_ID_TAG: self._tag.id}) if TRIAL_TAG not in run.data.tags]
        return str(found[0].info.run_id) if found else None

    def _exists(self, run_id: str) -> bool:
        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def _experiment(self) -> str:
        """By MLflow's own rules."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
        if not name:
            return os.environ.get("MLFLOW_EXPERIMENT_ID") or "0"
        found = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if found is None else found.experiment_id)

    def _check_answers(self) -> None:
        """Raises OSError when nobody listens at the server's address."""
        url = urlparse(self._uri)
        if url.scheme in ("http", "https") and url.hostname and not any(map(os.environ.get, _PROXIES)):
            port = url.port or (443 if url.scheme == "https" else 80)
            socket.create_connection((url.hostname, port), _PATIENCE).close()

    # Trials

    def _run_of(self, trial: Trial) -> Any:
        """The run that we have begun for the trial, or the one that it has made itself, if it made just one."""
        found = self._search({RUN_TAG: self._tag.run_id(trial), ATTEMPT_TAG: str(trial.attempt)})
        begun = [run for run in found if STATUS_TAG in run.data.tags]
        if begun:  # and the server went away before it had all, or before it could say so
            return begun[0]
        return found[0] if len(found) == 1 and not trial.samples else None

    def _search(self, tags: Mapping[str, str]) -> list[Any]:
        experiments = [
            e.experiment_id
            for e in _all(lambda token: self._client.search_experiments(max_results=_PAGE, page_token=token))
        ]
        condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        return _all(lambda token: self._client.search_runs(experiments, condition, max_results=_PAGE, page_token=token))

    def _adopt(self, parent: str) -> None:
        """Put those runs below the study's that trials began before it was there."""
        for run in self._search({STUDY_ID_TAG: self._tag.id}):
            if TRIAL_TAG in run.data.tags and MLFLOW_PARENT not in run.data.tags:
                self._client.set_tag(run.info.run_id, MLFLOW_PARENT, parent)

    def _complete(self, own: Any, trial: Trial, parent: str) -> None:
        """Add to the trial's own run what it does not have."""
        tags = _tags(trial)
        if MLFLOW_PARENT not in own.data.tags:  # begun before there was one
            tags[MLFLOW_PARENT] = parent
        params = {key: value for key, value in trial.point.items() if key_for(key) not in own.data.params}
        metrics = {name: value for name, value in trial.metrics.items() if key_for(name) not in own.data.metrics}
        self._log(own.info.run_id, params, metrics, tags)

    def _describe(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Params; one that is there with another value, as after a resume with other settings, stays what it is."""
        have = self._client.get_run(run_id).data.params
        self._log(run_id, {key: value for key, value in params.items() if key_for(key) not in have}, {})

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


def _all(page: Callable[[str | None], Any]) -> list[Any]:
    """Everything that a search finds; ``page`` gives the part that a token stands for."""
    part = page(None)
    found = list(part)
    while part.token:
        part = page(part.token)
        found += part
    return found


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


def _server(uri: str) -> str:
    """What tells one server or file from another, without anything that could be a secret."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}"


def _tags(trial: Trial) -> dict[str, str]:
    """What is neither a parameter nor a metric."""
    tags = {STATUS_TAG: trial.status.value, "ax_mo.generator": trial.generator, "ax_mo.directory": trial.directory}
    return {**tags, "ax_mo.reason": trial.reason[:_LONGEST_TAG]} if trial.reason else tags


_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def _with_context(tags: dict[str, str]) -> dict[str, str]:
    """With those tags that MLflow gives every run: user, program, git commit."""
    from mlflow.tracking.context.registry import resolve_tags

    return dict(resolve_tags(tags))


def _milliseconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp() * 1000)
