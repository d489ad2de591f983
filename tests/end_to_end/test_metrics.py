"""A project that reports nothing and knows nothing of us: its metrics are where ``hydra.sweeper.metrics`` says."""

import pytest

PROJECT = """\
import json
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    directory = Path(HydraConfig.get().runtime.output_dir)
    print("a warning of some library", file=sys.stderr)
    for epoch in range(3):
        print(f"epoch {epoch} loss {cfg.x * (3 - epoch)}")
    (directory / "out").mkdir()
    (directory / "out" / "scores.csv").write_text(f"0,{cfg.x}\\n1,{2 * cfg.x}\\n")
    (directory / "results.json").write_text(json.dumps({"test": {"f1": cfg.x, "bad": float("nan")}}))
    return cfg.x / 2


if __name__ == "__main__":
    main()
"""

METRICS = r"""
    metrics:
      error: {source: returned}
      n_neurons: {source: config, key: model.width * 2}
      loss: {source: log, pattern: 'loss (\S+)', take: max}
      score: {source: csv, path: out/*.csv, column: 1, header: false}
      f1: {source: json, path: results.json, key: test.f1}
"""


@pytest.fixture
def project(sweep):
    sweep.script.write_text(PROJECT)
    folder = sweep.project / "conf" / "hydra" / "sweeper"
    folder.mkdir(parents=True)
    lines = [line.removeprefix("    ") for line in METRICS.strip("\n").splitlines()]
    (folder / "named.yaml").write_text("\n".join(["defaults: [ax_mo]", *lines]) + "\n")
    return sweep


def test_metrics_are_where_the_sweep_says_and_costs_are_built_in(project):
    project.objectives = "{error: minimize, n_neurons: minimize}"
    options = ["hydra/sweeper=named", "x=interval(1,2)", "hydra.sweeper.n_trials=2"]
    needs = "['loss <= 100', 'score >= 0', 'f1 >= 0', 'trial_seconds <= 1000', 'peak_memory_mb >= 5']"
    done = project.run(*options, f"hydra.sweeper.constraints={needs}")
    assert done.returncode == 0, done.output
    for number, trial in enumerate(project.trials()):
        x = float(trial["params.x"])
        result = project.result(number)
        own = {"error": x / 2, "n_neurons": 16, "loss": 3 * x, "score": 2 * x, "f1": x}
        assert {name: result["metrics"][name] for name in own} == pytest.approx(own)
        assert result["sources"] == {
            "error": "returned", "n_neurons": "config", "loss": "log", "score": "csv", "f1": "json",
            "trial_seconds": "built-in", "peak_memory_mb": "built-in",
        }  # fmt: skip
    assert project.solutions()


def test_one_number_for_two_objectives_is_told_with_what_can_be_done(project):
    project.objectives = "{error: minimize, size: minimize}"
    done = project.run("x=interval(1,2)", "hydra.sweeper.n_trials=1")
    (trial,) = project.trials()
    assert (trial["reason"], done.returncode) == (
        "the task returned one number for 2 objectives (error, size)", 1,
    )  # fmt: skip
    for part in ("error: {source: returned}", "{source: config, key: model.width}", "ax_mo.report_model(model)"):
        assert part in done.output
    assert "a warning of some library" not in done.output
