"""The size of a model, which a project without Lightning reports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ax_mo
from ax_mo.trial import current
from ax_mo.trial.costs import recorded_costs, size_of
from ax_mo.trial.files import LIGHTNING, read_json
from ax_mo.trial.metric_sources.precedence import choose_metrics
from ax_mo.trial.metric_sources.source import TrialOutput


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in current.RANKS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(current.DIRECTORY, str(tmp_path))
    return tmp_path


def model() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1).requires_grad_(False))


def test_parameters_are_counted_as_lightnings_are() -> None:
    both = torch.nn.ModuleList([layer := torch.nn.Linear(1, 1), layer])
    for module, trained, total in (
        (model(), 8, 11), (torch.nn.Linear(3, 2, device="meta"), 8, 8), (torch.nn.LazyLinear(2), 0, 0), (both, 2, 2),
    ):  # fmt: skip
        assert size_of(module) == {"num_params": trained, "num_params_total": total}


def test_reported_model_is_a_metric(trial: Path) -> None:
    ax_mo.report_model(torch.nn.Linear(1, 1))
    ax_mo.report_model(model())
    chosen = choose_metrics(TrialOutput(trial, {"objectives": ["loss", "num_params"]}, 0.5), ["num_params"])
    assert chosen.metrics == {"num_params": 8, "num_params_total": 11}
    assert chosen.sources["num_params"] == "built-in"


def test_nothing_is_recorded_outside_a_trial_or_by_another_rank(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    ax_mo.report_model(model())
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv(current.DIRECTORY)
    ax_mo.report_model(model())
    assert list(trial.iterdir()) == []


def test_what_is_no_module_is_a_warning_and_no_error(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    ax_mo.report_model("resnet18")
    assert "ax_mo.report_model: nothing is recorded of str" in caplog.text
    assert not (trial / LIGHTNING).exists()


def test_reporting_a_model_imports_no_torch(trial: Path) -> None:
    code = (
        "import sys, types, ax_mo; one = types.SimpleNamespace(numel=lambda: 7, requires_grad=True); "
        "ax_mo.report_model(types.SimpleNamespace(parameters=lambda: [one])); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
    assert (read_json(trial / LIGHTNING) or {})["model"] == {"num_params": 7, "num_params_total": 7}


def test_record_of_any_kind_has_no_costs() -> None:
    assert recorded_costs({"costs": [1], "model": 3}) == {}
    write = {"costs": {"num_params": 1, "fit_seconds": 2}, "model": {"num_params": 3}}
    assert recorded_costs(write) == {"num_params": 3, "fit_seconds": 2}
