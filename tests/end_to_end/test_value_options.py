"""A plain program with a structured config, whose targets refuse keywords that they do not know."""

import csv
import shlex
import sys

import pytest
import yaml

from tests.support.sweeps import run

PROGRAM = """
from dataclasses import dataclass, field
from typing import Any, Optional

import hydra
from hydra.core.config_store import ConfigStore
from hydra.utils import instantiate


class Newton:
    def __init__(self, damping: float) -> None:
        self.loss = abs(damping - 0.3)


class Descent:
    def __init__(self, rate: float, momentum: float) -> None:
        self.loss = abs(rate - 0.05) + momentum


@dataclass
class Config:
    solver: dict[str, Any] = field(default_factory=lambda: {"_target_": "__main__.Newton", "damping": 1.0})
    layers: int = 2
    width1: int = 8
    width2: int = 8
    penalty: Optional[float] = None


ConfigStore.instance().store("config", Config)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    widths = [cfg.width1, cfg.width2][: cfg.layers]
    return {"loss": instantiate(cfg.solver).loss + (cfg.penalty or 0.0), "size": float(sum(widths))}


if __name__ == "__main__":
    main()
"""
EXPERIMENT = """
# @package _global_
defaults:
  - override /hydra/sweeper: ax_mo
hydra:
  sweeper:
    objectives: {loss: minimize, size: minimize}
    n_trials: 9
    n_startup_trials: 9
    seed: 3
    report: false
    initial_trials: [{solver._target_: __main__.Descent, solver.rate: 0.05, layers: 1, width1: 1}]
    params:
      solver._target_:
        __main__.Newton: {solver.damping: "interval(0.5, 1)"}
        __main__.Descent: {solver.rate: "tag(log, interval(1e-3, 1))", solver.momentum: 0.1}
      layers:
        1: {width1: "int(interval(1, 32))"}
        2: {width1: "int(interval(1, 32))", width2: "int(interval(1, 8))"}
      penalty: {"null": {}, 0.5: {}}
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep that was resumed: the directory of its project, and what the first and the second sweep printed."""
    project = tmp_path_factory.mktemp("values")
    (project / "train.py").write_text(PROGRAM)
    (project / "search" / "experiment").mkdir(parents=True)
    (project / "search" / "experiment" / "solvers.yaml").write_text(EXPERIMENT)
    argv = [sys.executable, "train.py", "--config-dir", "search", "-m", "+experiment=solvers"]
    outputs = []
    for more in (["hydra.sweeper.n_trials=5"], []):
        done = run([*argv, f"hydra.sweep.dir={project / 'sweep'}", *more], cwd=project, forked=True)
        assert done.returncode == 0, done.output
        outputs.append(done.output)
    return project, outputs


def test_each_target_gets_its_own_arguments_and_no_trial_fails(sweep):
    project, outputs = sweep
    assert "9 completed, 0 failed of 9 trials" in outputs[-1]
    expected = {"__main__.Newton": {"damping"}, "__main__.Descent": {"rate", "momentum"}}
    targets, penalties = set(), set()
    for row in csv.DictReader((project / "sweep" / "trials.csv").open()):
        config = yaml.safe_load((project / "sweep" / row["dir"] / ".hydra" / "config.yaml").read_text())
        target = config["solver"].pop("_target_")
        assert set(config["solver"]) == expected[target]
        assert bool(row["params.width2"]) is (config["layers"] == 2)
        targets.add(target)
        penalties.add(config["penalty"])
    assert targets == expected.keys() and penalties == {None, 0.5}


def test_point_of_the_front_composes_to_what_ran(sweep):
    project, _ = sweep
    front = {
        point["trial"]: point
        for point in yaml.safe_load((project / "sweep/optimization_results.yaml").read_text())["solutions"]
    }
    number = next(n for n, point in front.items() if point["params"]["solver._target_"] == "__main__.Descent")
    lines = (project / "sweep" / "pareto" / f"trial_{number}.yaml").read_text().splitlines()
    command = next(line for line in lines if "Run it again: " in line).partition("Run it again: ")[2]
    assert "'~solver.damping'" in command
    done = run([*shlex.split(command), "--cfg", "job"], cwd=project, forked=True)
    ran = yaml.safe_load((project / "sweep" / str(number) / ".hydra" / "config.yaml").read_text())
    assert done.returncode == 0 and yaml.safe_load(done.output) == ran
    shown = run([sys.executable, "-m", "ax_mo", "show", "sweep", str(number)], cwd=project, forked=True).output
    assert f"+pareto=trial_{number} '~solver.damping'\n" in shown
