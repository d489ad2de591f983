"""The plots of the tutorial "Multi-Objective NAS with Ax", made by Ax of the trials of one of our studies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax.analysis.plotly.cross_validation import CrossValidationPlot
from ax.analysis.plotly.plotly_analysis import PlotlyAnalysisCard
from ax.analysis.plotly.scatter import ScatterPlot
from ax.analysis.plotly.surface.contour import ContourPlot
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

import ax_mo

_NAMES = {
    "model.hidden1": "hidden_size_1", "model.hidden2": "hidden_size_2", "optim.lr": "learning_rate",
    "trainer.max_epochs": "epochs", "model.dropout": "dropout", "data.batch_size": "batch_size",
}  # fmt: skip
"""What the tutorial calls the parameters of ``conf/experiment/published_nas.yaml``."""


def tutorial_figures(directory: Path) -> dict[str, Any]:
    """Plotly figures by the name of their picture: the trade-off, cross-validation and contours by the two widths."""
    client = _client(directory)
    sizes = "hidden_size_1", "hidden_size_2"
    analyses = {
        "ax_tradeoff": ScatterPlot("num_params", "val_acc", use_model_predictions=False),
        "ax_validation": CrossValidationPlot(["val_acc"]),
        "ax_contour_val_acc": ContourPlot(*sizes, "val_acc"),
        "ax_contour_num_params": ContourPlot(*sizes, "num_params"),
    }
    cards = client.compute_analyses(list(analyses.values()), display=False)
    return {name: _figure(card) for name, card in zip(analyses, cards, strict=True)}


def _client(directory: Path) -> Client:
    """Ax's, with the tutorial's problem and the trials of the study."""
    sizes = [
        RangeParameterConfig(name=name, bounds=(16, 128), parameter_type="int", scaling="log")
        for name in ("hidden_size_1", "hidden_size_2")
    ]
    client = Client(random_seed=1)
    client.configure_experiment(
        parameters=[
            *sizes,
            RangeParameterConfig(name="learning_rate", bounds=(1e-4, 1e-2), parameter_type="float", scaling="log"),
            RangeParameterConfig(name="epochs", bounds=(1, 4), parameter_type="int"),
            RangeParameterConfig(name="dropout", bounds=(0.0, 0.5), parameter_type="float"),
            ChoiceParameterConfig(name="batch_size", values=[32, 64, 128, 256], parameter_type="int", is_ordered=True),
        ]
    )
    client.configure_optimization(
        "val_acc, -num_params", outcome_constraints=["val_acc >= 0.94", "num_params <= 80000"]
    )
    client.configure_generation_strategy(initialize_with_center=False)
    for trial in ax_mo.load(directory).record.trials:
        index = client.attach_trial({_NAMES[key]: value for key, value in trial.point.items()})
        values: Mapping[str, float] = {name: trial.metrics[name] for name in ("val_acc", "num_params")}
        client.complete_trial(index, raw_data=dict(values))
    client.get_next_trials(1)  # which fits the model
    return client


def _figure(card: Any) -> Any:
    return next(one for one in card.flatten() if isinstance(one, PlotlyAnalysisCard)).get_figure()
