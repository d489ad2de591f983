"""The published loop: Meta's tutorial "Multi-Objective NAS with Ax", for Ax 1.3 and the example project's search.

Its parts are the tutorial's, under their present names: Ax's TorchXRunner with the scheduler local_cwd, Ax's
Orchestrator with its own intervals between polls, the generation strategy that Ax chooses. The tutorial reads metrics
from TensorBoard's files; this reads those that a trial leaves with TorchX's result tracker, which is less work. Where
the tutorial lets Ax hold back trials that the model suggests, at 3 at once, all jobs may run.

Usage: python peers_orchestrator.py N_TRIALS N_JOBS SEED, in a directory that holds ``train_tracked.py``.
"""

import sys
from pathlib import Path

from ax.core import (
    ChoiceParameter,
    Experiment,
    MultiObjectiveOptimizationConfig,
    Objective,
    OutcomeConstraint,
    ParameterType,
    RangeParameter,
    SearchSpace,
)
from ax.generation_strategy.dispatch_utils import choose_generation_strategy_legacy
from ax.metrics.torchx import TorchXMetric
from ax.orchestration.orchestrator import Orchestrator
from ax.orchestration.orchestrator_options import OrchestratorOptions
from ax.runners.torchx import TorchXRunner
from torchx import specs
from torchx.components import utils

TRACKER = "tracker"
"""The directory with a result of each trial."""


def trainer(trial_idx: int, tracker_base: str, **parameters: object) -> specs.AppDef:
    """The TorchX component: one training. Parameters are named as in the config."""
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    places = [f"+trial={trial_idx}", f"+tracker={tracker_base}", f"hydra.run.dir=runs/{trial_idx}"]
    return utils.python(*overrides, *places, script="train_tracked.py", name="trainer")


def search_space() -> SearchSpace:
    """That of ``conf/experiment/nas.yaml``."""
    integer, real = ParameterType.INT, ParameterType.FLOAT
    return SearchSpace(
        parameters=[
            RangeParameter("model.hidden1", integer, 16, 128, log_scale=True),
            RangeParameter("model.hidden2", integer, 16, 128, log_scale=True),
            RangeParameter("model.dropout", real, 0.0, 0.5),
            RangeParameter("optim.lr", real, 1e-4, 1e-2, log_scale=True),
            RangeParameter("trainer.max_epochs", integer, 1, 4),
            ChoiceParameter("data.batch_size", integer, [32, 64, 128, 256], is_ordered=True, sort_values=True),
        ]
    )


def main(n_trials: int, n_jobs: int, seed: int) -> None:
    runner = TorchXRunner(
        tracker_base=str(Path(TRACKER).absolute()),
        component=trainer,
        orchestrator="local_cwd",
        cfg={"log_dir": str(Path("logs").absolute())},
    )
    metrics = [TorchXMetric("val_acc", lower_is_better=False), TorchXMetric("num_params", lower_is_better=True)]
    signatures = {metric.name: metric.signature for metric in metrics}
    experiment = Experiment(
        name="digits",
        search_space=search_space(),
        optimization_config=MultiObjectiveOptimizationConfig(
            objective=Objective("val_acc, -num_params", metric_name_to_signature=signatures),
            objective_thresholds=[
                OutcomeConstraint("val_acc >= 0.8", metric_name_to_signature=signatures),
                OutcomeConstraint("num_params <= 10000", metric_name_to_signature=signatures),
            ],
        ),
        metrics=metrics,
        runner=runner,
    )
    strategy = choose_generation_strategy_legacy(
        search_space=experiment.search_space,
        optimization_config=experiment.optimization_config,
        num_trials=n_trials,
        max_parallelism_override=n_jobs,
        random_seed=seed,
    )
    options = OrchestratorOptions(total_trials=n_trials, max_pending_trials=n_jobs)
    Orchestrator(experiment, strategy, options).run_all_trials()


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:]))
