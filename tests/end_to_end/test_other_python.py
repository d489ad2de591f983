"""A sweep in one environment, its trials in another one, which has nothing of what only a sweep uses."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.second_python import ENOUGH, HEAVY, second_python
from tests.support.sweeps import run

TASK = """
import importlib.util
import json
import sys

import hydra

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg):
    import of_the_project

    heavy = [name for name in {heavy} if importlib.util.find_spec(name)]
    print(json.dumps([sys.executable, heavy]), flush=True)
    return {{"loss": cfg.x, "size": of_the_project.SIZE}}

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
    params: {x: "choice(1, 2)"}
    n_trials: 2
    report: false
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    (directory / "experiment").mkdir(parents=True)
    (directory / "train.py").write_text(TASK.format(heavy=HEAVY))
    (directory / "config.yaml").write_text("x: 1\n")
    (directory / "experiment" / "search.yaml").write_text(EXPERIMENT)
    return directory


def test_trials_run_in_the_projects_own_environment(project: Path) -> None:
    python = second_python(project / "env", *ENOUGH)
    (project / "env" / "shared" / "of_the_project.py").write_text("SIZE = 3\n")
    words = [sys.executable, "train.py", "-m", "+experiment=search", "hydra.launcher.python=env/bin/python",
             "hydra.sweep.dir=sweep"]  # fmt: skip
    done = run(words, cwd=project)
    assert done.returncode == 0, done.output
    for trial in ("0", "1"):
        assert json.loads((project / "sweep" / trial / "stdout.log").read_text()) == [str(python), []]
    command = next(line for line in done.output.splitlines() if line.startswith("Run a point again: "))
    again = run(["sh", "-c", command.removeprefix("Run a point again: ")], cwd=project)
    assert again.returncode == 0 and json.loads(again.output.splitlines()[-1]) == [str(python), []], again.output
    words = [sys.executable, "train.py", "-m", "hydra/launcher=torchx", "hydra.launcher.python=env/bin/python", "x=1"]
    basic = run([*words, "hydra.sweep.dir=basic"], cwd=project)
    assert basic.returncode == 0, basic.output
    assert json.loads((project / "basic" / "0" / "stdout.log").read_text()) == [str(python), []]
    resume = next(line for line in done.output.splitlines() if "to resume: " in line)
    assert f": {sys.executable} train.py" in resume and "hydra.launcher.python=env/bin/python" in resume


def test_environment_that_will_not_do_is_said_before_anything_runs(project: Path) -> None:
    second_python(project / "env", *ENOUGH[:-2])
    for dry in ("true", "false"):
        done = run(
            [sys.executable, "train.py", "-m", "+experiment=search", "hydra.launcher.python=env/bin/python",
             "hydra.sweep.dir=sweep", f"hydra.sweeper.dry_run={dry}"],
            cwd=project,
        )  # fmt: skip
        assert done.returncode == 1
        assert "No module named 'ax_mo'" in done.output and "Traceback" not in done.output
        assert "-m pip install --no-deps hydra-ax-mo\n" in done.output
    assert not (project / "sweep").exists()
