"""A study in Weights & Biases: a run of its own, in the group in which its trials' runs are.

W&B has no runs below runs, and what a trial logs itself is in the trial's own run. The study's run has a line for each
ended trial, the hypervolume, a table of all trials at the end, and the report as an artifact. Project, entity, mode and
folder are those of W&B's own variables: ``WANDB_PROJECT``, ``WANDB_MODE``, ``WANDB_DIR``, ...
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wandb

from ax_mo.core.trial import Trial
from ax_mo.results.tables import front_numbers, json_text, metric_names
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import Kept, StudyEnd, logged_as
from ax_mo.trackers.env import StudyTag


class WandbTracker:
    """Logs a study to Weights & Biases, each trial once: a file in ``directory``, the sweep's, keeps which."""

    def __init__(self, tag: StudyTag, directory: Path) -> None:
        self._tag = tag
        self._kept = Kept(directory, "wandb")
        self._logged: set[int | str] = set(self._kept.values.get("logged", []))
        self._open: Any = None

    def started(self, record: StudySnapshot) -> str | None:
        run = self._run()
        config = {
            "objectives": record.goals.as_json(),
            "space": record.space.describe(),
            "sweeper": dict(record.settings),
        }
        run.config.update(config, allow_val_change=True)
        return None

    def ended(self, trial: Trial) -> None:
        if logged_as(trial) in self._logged:
            return
        metrics = {f"metrics/{name}": value for name, value in trial.metrics.items()}
        params = {f"params/{key}": _plain(value) for key, value in trial.point.items()}
        self._run().log({"trial": trial.number, "status": trial.status.value, **metrics, **params})
        self._logged.add(logged_as(trial))
        self._kept.save(logged=sorted(self._logged, key=str))

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        self._run().log({"pareto_points": len(numbers), "hypervolume": hypervolume})

    def finished(self, record: StudySnapshot, report: Path | None, state: StudyEnd) -> None:
        run = self._run()
        run.log({"trials": _table(record)})
        run.summary["state"] = state.value
        if report is not None:
            artifact = wandb.Artifact(f"report-{self._tag.id}", type="report")
            artifact.add_file(str(report))
            run.log_artifact(artifact)
        run.finish(exit_code=1 if state is StudyEnd.STOPPED else 0)

    def _run(self) -> Any:
        """The study's run; the one of an earlier sweeper goes on."""
        if self._open is None:
            self._open = wandb.init(
                id=self._tag.id,
                name=self._tag.label,
                group=self._tag.label,
                job_type="study",
                resume="allow",
                settings=wandb.Settings(console="off", x_disable_stats=True),
            )
        return self._open


def _table(record: StudySnapshot) -> Any:
    """Every trial, a line each."""
    trials = [trial for trial in record.trials if not trial.is_imported]
    names = metric_names(record.goals, trials)
    front = front_numbers(record)
    keys = record.space.keys
    rows = [
        [
            trial.number,
            trial.status.value,
            trial.number in front,
            *(_plain(trial.point[key]) if key in trial.point else None for key in keys),
            *(trial.metrics.get(name) for name in names),
            trial.reason,
        ]
        for trial in trials
    ]
    columns = ["trial", "status", "pareto", *keys, *names, "reason"]
    return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) else json_text(value)
