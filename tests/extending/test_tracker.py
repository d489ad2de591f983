"""The tracker of docs/extending.md."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.sweeps import ROOT, Sweep


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The section's module and entry point, where Python finds installed packages."""
    section = (ROOT / "docs" / "extending.md").read_text().split("\n## A tracker\n")[1].split("\n## ")[0]
    module, project = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)
    installed = tmp_path / "site"
    info = installed / "study_log-1.0.dist-info"
    info.mkdir(parents=True)
    (installed / "study_log.py").write_text(module)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: study_log\nVersion: 1.0\n")
    groups = tomllib.loads(project)["project"]["entry-points"]
    lines = [f"[{group}]\n{name} = {value}\n" for group, names in groups.items() for name, value in names.items()]
    (info / "entry_points.txt").write_text("".join(lines))
    return installed


def test_tracker_of_another_package_logs_the_study_and_no_trial_twice(package: Path, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    sweep.forked = False  # PYTHONPATH is that of a new interpreter
    env = {"PYTHONPATH": str(package), "HOME": str(tmp_path)}
    for count in (1, 2):
        done = sweep.run(
            "x=interval(0,1)", "hydra.sweeper.method=random_search", "hydra.sweeper.trackers=[study_log]",
            f"hydra.sweeper.n_trials={count}", env=env,
        )  # fmt: skip
        assert done.returncode == 0 and "ax_mo: study_log:" not in done.output, done.output
    lines = [json.loads(line) for line in (tmp_path / "studies.jsonl").read_text().splitlines()]
    assert [line.get("trial", line.get("state")) for line in lines] == [0, "finished", 1, "finished"]
    assert {"loss", "size"} <= lines[0]["metrics"].keys() and lines[0]["params"].keys() == {"x"}
    assert lines[-1]["front"] == [solution["trial"] for solution in sweep.solutions()]
    assert len({line["study"] for line in lines}) == 1


def test_tracker_that_nobody_offers_is_told_with_those_there_are(tmp_path: Path) -> None:
    done = Sweep(tmp_path).run("x=interval(0,1)", "hydra.sweeper.trackers=[study_log]")
    assert done.returncode != 0
    assert "unknown tracker 'study_log'; choose among mlflow, wandb, tensorboard." in done.output
