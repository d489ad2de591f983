"""A newcomer's path on every shape of project: clone, one YAML file, dry run, sweep, front, promote, train again.

Each shape is a directory here: ``project/``, which knows nothing of us, and ``added/``, the one file.
`docs/how_to/drop_in.md` shows them. Sweepers are forked by the fork server; trials are processes of their own.
"""

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.support.sweeps import Finished, environment, run

SHAPES = Path(__file__).parent
ROOT = SHAPES.parents[1]


@dataclass(frozen=True)
class Shape:
    name: str
    program: tuple[str, ...]
    """What comes after ``python``."""
    chosen: tuple[str, ...]
    """How the added file is chosen."""
    best: str
    """Where the promoted file shall be."""
    path: str = ""
    """PYTHONPATH, as if what is there were installed."""
    settings: tuple[str, ...] = ()
    repeated: str = ".hydra/config.yaml"
    """What the promoted run writes as the trial did."""
    needs: str = "hydra"


NAS = ("+experiment=nas",)
SEARCHED = ("--config-dir", "search", "+experiment=nas")

ALL = [
    Shape("lightning_template", ("src/train.py",), ("hparams_search=ax",), "configs/experiment/best.yaml",
          settings=("trainer.max_epochs=1",), needs="lightning"),
    Shape("task_wrapper", ("./src/train.py",), ("experiment=nas",), "configs/experiment/best.yaml"),
    Shape("console_script", ("bin/forecast-train",), SEARCHED, "search/experiment/best.yaml", path="src"),
    Shape("config_store", ("train.py",), SEARCHED, "search/experiment/best.yaml"),
    Shape("zen", ("train.py",), SEARCHED, "search/experiment/best.yaml", needs="hydra_zen"),
    Shape("rl", ("train.py",), NAS, "experiment/best.yaml"),
    Shape("molecules", ("scripts/train.py",), NAS, "configs/experiment/best.yaml", repeated="results/esol.csv"),
    Shape("self_supervised", ("-m", "ssl_toy.main"), ("experiment=nas",), "ssl_toy/config/experiment/best.yaml"),
    Shape("optuna_layout", ("sphere.py",), ("--config-name", "nas"), "conf/experiment/best.yaml",
          path=str(ROOT / "tests" / "apps" / "optuna_sweeper")),
]  # fmt: skip
SHARE = ("task_wrapper", "console_script", "config_store")
"""Those that ``make test`` sweeps; the others are started as programs of ``tests/end_to_end`` are."""


class Checkout:
    """A shape's project with its one added file, somewhere else than where it is called from."""

    def __init__(self, shape: Shape, tmp_path: Path) -> None:
        self.shape = shape
        self.project, self.sweep_dir = tmp_path / "project", tmp_path / "sweep"
        for part in ("project", "added"):
            shutil.copytree(SHAPES / shape.name / part, self.project, dirs_exist_ok=True)
        if shape.program[0].startswith("bin/"):  # as pip writes it for [project.scripts]
            script = self.project / shape.program[0]
            script.parent.mkdir()
            script.write_text(f"#!{sys.executable}\nimport sys\nfrom forecast.cli import main\nsys.exit(main())\n")
            script.chmod(0o755)
        self.env = environment(PYTHONPATH=str(self.project / shape.path) if shape.path else "")

    def run(self, *argv: str) -> Finished:
        return run([sys.executable, *argv], self.project, env=self.env)

    def sweep(self, *settings: str) -> Finished:
        flags = [word for word in self.shape.chosen if "=" not in word]
        overrides = [*self.shape.chosen[len(flags) :], *self.shape.settings, *settings]
        argv = [*self.shape.program, "-m", *flags, *overrides, f"hydra.sweep.dir={self.sweep_dir}"]
        return self.run(*argv)

    def ax_mo(self, *arguments: str) -> str:
        done = self.run("-m", "ax_mo", *arguments)
        assert done.returncode == 0, done.output
        return done.output

    def shell(self, line: str) -> None:
        done = subprocess.run(["sh", "-c", line], cwd=self.project, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    @property
    def trials(self) -> list[dict[str, str]]:
        with (self.sweep_dir / "trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, marks=[] if shape.name in SHARE else pytest.mark.long, id=shape.name) for shape in ALL],
)
def test_newcomers_path(shape: Shape, tmp_path: Path) -> None:
    if find_spec(shape.needs) is None:
        pytest.skip(f"{shape.needs} is not installed")
    checkout = Checkout(shape, tmp_path)

    dry = checkout.sweep("hydra.sweeper.dry_run=true")
    assert dry.returncode == 0, dry.output
    assert "the first trial's command:" in dry.output
    assert not checkout.sweep_dir.exists()

    swept = checkout.sweep("hydra.sweeper.n_trials=2")
    assert swept.returncode == 0, swept.output
    trials = checkout.trials
    assert [trial["status"] for trial in trials] == ["completed", "completed"], swept.output
    objectives = [name for name in trials[0] if name.startswith("metrics.")]
    assert all(float(trial[name]) >= 0 for trial in trials for name in objectives)

    front = checkout.ax_mo("pareto", str(checkout.sweep_dir))
    solutions = yaml.safe_load((checkout.sweep_dir / "optimization_results.yaml").read_text())["solutions"]
    assert {int(n) for n in re.findall(r"^ *(\d+) ", front, re.MULTILINE)} == {s["trial"] for s in solutions}
    number = solutions[-1]["trial"]

    best = checkout.project / shape.best
    best.parent.mkdir(exist_ok=True)
    promoted = checkout.ax_mo("promote", str(checkout.sweep_dir), str(number), "--to", shape.best)
    assert "Warning" not in promoted, promoted
    (line,) = re.findall("^Run it: (.*)$", promoted, re.MULTILINE)

    again = tmp_path / "again"
    checkout.shell(f"{line} hydra.run.dir={again}")
    there = checkout.sweep_dir / trials[number]["dir"] / shape.repeated
    assert (again / shape.repeated).read_text() == there.read_text()
    assert not (again / "result.json").exists()


def test_every_shape_is_swept_and_shown() -> None:
    page = (ROOT / "docs" / "how_to" / "drop_in.md").read_text()
    directories = {path.name for path in SHAPES.iterdir() if (path / "project").is_dir()}
    assert directories == {shape.name for shape in ALL}
    for name in directories:
        (added,) = [path for path in (SHAPES / name / "added").rglob("*") if path.is_file()]
        assert f"tests/shapes/{name}" in page
        assert added.read_text().strip() in page, f"{added} is not in docs/how_to/drop_in.md as it is"


def test_guide_from_optuna_begins_with_the_layout_that_is_swept_here() -> None:
    guide = (ROOT / "docs" / "how_to" / "from_optuna.md").read_text()
    shown = [guide.index((SHAPES / "optuna_layout" / name).read_text()) for name in (
        "project/conf/config.yaml", "added/conf/nas.yaml",
    )]  # fmt: skip
    assert shown == sorted(shown)
    assert shown[1] < guide.index("\n## ", guide.index("\n## ") + 1)
