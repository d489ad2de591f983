"""What a trial's own loggers find in its environment, so that their runs are grouped by study."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ax_mo.core.trial import Trial, TrialRun

MLFLOW_CONTEXT = "MLFLOW_RUN_CONTEXT"
"""MLflow's: JSON of tags that every new run gets, of ``mlflow.start_run`` and of Lightning's logger alike."""
MLFLOW_PARENT = "mlflow.parentRunId"

# Tags of MLflow's runs by which a study finds those that its trials made themselves.
STUDY_TAG = "ax_mo.storage"
STUDY_ID_TAG = "ax_mo.study_id"
RUN_TAG = "ax_mo.sweep.run"
ATTEMPT_TAG = "ax_mo.attempt"
TRIAL_TAG = "ax_mo.trial"

# W&B's own limit for the name of a group.
_LONGEST_LABEL = 128


@dataclass(frozen=True)
class StudyTag:
    """What trackers call a study: ``label`` for people, ``id`` for machines. Both survive a resume."""

    label: str
    id: str

    def run_id(self, trial: Trial) -> str:
        """The same for every attempt of a run."""
        number, repeat = trial.key
        return f"{self.id}-t{number}" + ("" if repeat is None else f"-r{repeat}")


def study_tag(label: str | None, job_name: str, name: str, created: str, seed: int) -> StudyTag:
    """``created`` is when the study was, ISO 8601; it tells apart studies that share a name.

    ``label`` is the user's own name for the study, if there is one.
    """
    study_id = hashlib.sha256(json.dumps([name, created, seed]).encode()).hexdigest()[:12]
    if not label:
        label = f"{job_name}-{datetime.fromisoformat(created):%Y%m%d-%H%M%S}"
    return StudyTag(label[:_LONGEST_LABEL], study_id)


def trial_environment(tag: StudyTag, run: TrialRun, parent: str | None, present: Mapping[str, str]) -> dict[str, str]:
    """The variables for one run, without any that is ``present`` already.

    W&B's run id and its permission to go on with that run are given together or not at all: with the user's
    ``WANDB_RESUME=must``, a run of a new id would not begin. ``parent`` is MLflow's run of the study, once there is
    one.
    """
    name = f"trial-{run.number}" + ("" if run.repeat is None else f"-{run.repeat}")
    given = {
        "WANDB_RUN_GROUP": tag.label,
        "WANDB_NAME": name,
        MLFLOW_CONTEXT: json.dumps(mlflow_tags(tag, run, parent)),
    }
    if "WANDB_RUN_ID" not in present and present.get("WANDB_RESUME", "allow") == "allow":
        given.update({"WANDB_RUN_ID": tag.run_id(run), "WANDB_RESUME": "allow"})
    return {key: value for key, value in given.items() if key not in present}


def mlflow_tags(tag: StudyTag, run: Trial, parent: str | None) -> dict[str, str]:
    """The tags of a run that a trial makes itself."""
    tags = {
        STUDY_TAG: tag.label,
        STUDY_ID_TAG: tag.id,
        TRIAL_TAG: str(run.number),
        RUN_TAG: tag.run_id(run),
        ATTEMPT_TAG: str(run.attempt),
    }
    return tags if parent is None else {**tags, MLFLOW_PARENT: parent}
