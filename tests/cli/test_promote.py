"""``ax-mo promote`` on small projects of several shapes: the printed command is run, and gives the trial's values."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ax_mo.core.trial import Status
from ax_mo.storage.snapshot import read_snapshot
from tests.support.sweeps import run

from .conftest import Cli, Done

TASK = """
import hydra

@hydra.main(version_base="1.3", config_path="{conf}", config_name="config")
def main(cfg):
    if cfg.seed == cfg.fails:
        raise ValueError("diverged")
    return {{"loss": (cfg.x - 0.3) ** 2 + cfg.model.w + cfg.seed}}

if __name__ == "__main__":
    main()
"""
VALUES = "x: 0.5\nseed: 0\nfails: null\n"
EARLY = "defaults: [{model: small}, {experiment: null}, _self_]\n" + VALUES
SWEEP = (
    "-m", "hydra/sweeper=ax_mo", "hydra/launcher=basic", "hydra.sweeper.objectives={loss: minimize}",
    "hydra.sweeper.method=random_search", "hydra.sweeper.seed=1", "hydra.sweeper.report=false",
    "hydra.sweeper.n_trials=2", "hydra.sweep.dir=../sweep", "x=interval(0,1)",
)  # fmt: skip


def swept(directory: Path, config: str = EARLY, conf: str = "conf", *more: str) -> Path:
    """A project in ``directory/project``, swept; gives the directory of both."""
    project = directory / "project"
    configs = project / conf.removeprefix("pkg://").replace(".", "/")
    for folder in ("model", "experiment"):
        (configs / folder).mkdir(parents=True, exist_ok=True)
    if conf.startswith("pkg://"):
        (configs / "__init__.py").touch()
        (configs.parent / "__init__.py").touch()
    (project / "train.py").write_text(TASK.format(conf=conf))
    (configs / "config.yaml").write_text(config)
    (configs / "model" / "small.yaml").write_text("w: 1\n")
    (configs / "model" / "large.yaml").write_text("w: 2\n")
    done = run([sys.executable, "train.py", *SWEEP, *more], cwd=project)
    assert done.returncode == 0, done.output
    return directory


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose primary config counts more than its experiments: what was swept in ``early``'s place."""
    study = swept(tmp_path_factory.mktemp("early") / "study")
    return Path(shutil.copytree(study, study.with_name("kept"), symlinks=True))


@pytest.fixture
def early(kept: Path) -> Iterator[Path]:
    """That project and its study where they were swept, to be changed."""
    study = kept.with_name("study")
    shutil.rmtree(study, ignore_errors=True)
    yield Path(shutil.copytree(kept, study, symlinks=True))


@pytest.fixture
def copy(early: Path, tmp_path: Path) -> Path:
    """That project and its study in another place; nothing is left of them in the first."""
    return Path(shutil.move(early, tmp_path / "moved"))


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its configs are in a package that only its own directory makes importable."""
    config = EARLY.replace("{experiment: null}, _self_", "_self_, {experiment: null}")
    return swept(tmp_path_factory.mktemp("packaged"), config, "pkg://pk_of_promote.conf")


def searched(study: Path, number: int) -> Any:
    """A trial's value of x, which only the search could have found."""
    return next(t.point["x"] for t in read_snapshot(study / "sweep").trials if t.number == number)


def line_of(done: Done) -> str:
    assert (done.code, done.err) == (0, "")
    return next(line for line in done.out.splitlines() if line.startswith("Run it: ")).removeprefix("Run it: ")


def composed(line: str, cwd: Path) -> dict[str, Any]:
    """What the program composes from the line, in a directory that may be another than the line has."""
    words = shlex.split(line.rpartition(" && ")[2])
    at = words.index(next(word for word in words if word.endswith(".py")))
    argv = [*words[: at + 1], "--cfg", "job", *words[at + 1 :]]
    done = run(argv, cwd=cwd, env={"PYTHONWARNINGS": "ignore"})
    assert done.returncode == 0, done.output
    content: dict[str, Any] = yaml.safe_load(done.output.removeprefix("importing: a: b\n").removesuffix("done\n"))
    return content


# the form of the command


@pytest.mark.long
def test_command_gives_the_trial_where_the_primary_config_overrides_experiments(cli: Cli, early: Path) -> None:
    target = early / "project" / "conf" / "experiment" / "b1.yaml"
    done = cli("promote", early / "sweep", 1, "--to", target)
    assert composed(line_of(done), early / "project")["x"] == searched(early, 1) != 0.5
    for text in (done.out, target.read_text()):
        assert "experiment=b1 would not do" in text and f"x is 0.5 and was {searched(early, 1)} in the trial" in text
        assert "if `- experiment: null` stood last in that list, after `- _self_`" in text
    assert "Warning" not in done.out and "changed" not in done.out


def test_plain_command_is_told_where_it_gives_the_trial(cli: Cli, packaged: Path) -> None:
    target = packaged / "project" / "pk_of_promote" / "conf" / "experiment" / "b1.yaml"
    done = cli("promote", packaged / "sweep", 1, "--to", target)
    assert line_of(done).endswith("train.py experiment=b1")
    assert done.out.count("\n") == 2, "nothing to warn of"
    assert composed(line_of(done), packaged / "project")["x"] == searched(packaged, 1) != 0.5
    assert not [name for name in sys.modules if name.startswith("pk_of_promote")], "the user's code was not run"


def test_file_that_another_one_hides_is_told(cli: Cli, early: Path, tmp_path: Path) -> None:
    hiding = early / "project" / "conf" / "found" / "best.yaml"
    hiding.parent.mkdir()
    hiding.write_text("# @package _global_\nx: 0.9\n")
    (tmp_path / "found").mkdir()
    done = cli("promote", early / "sweep", 1, "--to", tmp_path / "found" / "best.yaml")
    assert composed(line_of(done), early / "project")["x"] == 0.9
    for text in (done.out, (tmp_path / "found" / "best.yaml").read_text()):
        assert "Warning: this command does not give the trial's configuration" in text
        assert f"x is 0.9 and was {searched(early, 1)} in the trial" in text


def test_change_of_the_project_is_told_apart_from_what_the_command_gives(cli: Cli, early: Path) -> None:
    project = early / "project"
    (project / "conf" / "model" / "small.yaml").write_text("w: 7\n")
    done = cli("promote", early / "sweep", 1, "--to", project / "conf" / "experiment" / "later.yaml")
    assert "The project has changed since the trial ran, and so will the result: model.w was 1 and is 7." in done.out
    assert "Warning" not in done.out
    assert f"so that x is 0.5 and was {searched(early, 1)} in the trial." in done.out


# what only the program itself knows

REGISTERED = """
from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

print("importing: a: b")
OmegaConf.register_new_resolver("half", lambda value: value / 2)

@dataclass
class Model:
    width: int = 8
    act: str = "relu"

@dataclass
class Config:
    defaults: list[Any] = field(default_factory=lambda: [{"model": "narrow"}, {"experiment": None}, "_self_"])
    x: float = 0.4
    depth: int = 1
    half: float = "${half:${x}}"
    seen: dict[str, int] = field(default_factory=dict)

ConfigStore.instance().store(name="config", node=Config)
ConfigStore.instance().store(group="model", name="narrow", node=Model)
ConfigStore.instance().store(group="model", name="wide", node=Model(width=64))

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    return {"loss": (cfg.x - 0.3) ** 2 + cfg.model.width}

if __name__ == "__main__":
    main()
    print("done")
"""


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All its configs but the experiments are registered by the script; an experiment counts less than ``_self_``."""
    study = tmp_path_factory.mktemp("registered")
    folder = study / "project" / "search" / "experiment"
    folder.mkdir(parents=True)
    (study / "project" / "train.py").write_text(REGISTERED)
    (folder / "nas.yaml").write_text(
        "# @package _global_\ndefaults: [{override /model: wide}, {override /hydra/sweeper: ax_mo}]\n"
        "hydra: {mode: MULTIRUN, sweeper: {objectives: {loss: minimize}}}\nmodel: {act: gelu}\n"
    )
    argv = ["--config-dir", "search", *SWEEP, "experiment=nas", "+seen.more=1", "hydra.sweeper.start_from_config=false"]
    done = run([sys.executable, "train.py", *argv], cwd=study / "project")
    assert done.returncode == 0, done.output
    return study


def test_trial_of_registered_configs_is_promoted_beside_the_experiment_that_it_was_swept_with(
    cli: Cli, registered: Path
) -> None:
    number = 1 - _on_front(registered)  # the other one has a file there
    target = registered / "project" / "search" / "experiment" / f"best{number}.yaml"
    done = cli("promote", registered / "sweep", number, "--to", target)
    line = line_of(done)
    assert line.endswith(f"--config-dir {registered}/project/search +experiment@_global_=best{number}")
    assert f"experiment=best{number} would not do" in done.out and "Warning" not in done.out
    assert "compared" not in done.out and "changed" not in done.out
    ran = yaml.safe_load((registered / "sweep" / str(number) / ".hydra" / "config.yaml").read_text())
    assert composed(line, registered / "project") == ran
    assert (ran["model"], ran["x"]) == ({"width": 64, "act": "gelu"}, searched(registered, number))


@pytest.mark.long
def test_key_that_the_trial_added_to_a_registered_type_is_in_the_command(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "train.py").write_text(REGISTERED)
    argv = [*SWEEP, "+note='a b'", "hydra.sweeper.n_trials=1"]
    done = run([sys.executable, "train.py", *argv], cwd=tmp_path / "project")
    assert done.returncode == 0, done.output
    (tmp_path / "found").mkdir()
    done = cli("promote", tmp_path / "sweep", 0, "--to", tmp_path / "found" / "best.yaml")
    line = line_of(done)
    assert shlex.split(line)[-2:] == ["+found=best", "+note='a b'"] and "Warning" not in done.out
    assert composed(line, tmp_path / "project")["note"] == "a b"


def test_trial_of_an_experiment_is_promoted_into_its_group(cli: Cli, tmp_path: Path) -> None:
    config = EARLY.replace("{experiment: null}, _self_", "_self_, {experiment: base}")
    folder = tmp_path / "project" / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "base.yaml").write_text("# @package _global_\nof_base: 1\n")
    (folder / "other.yaml").write_text(
        "# @package _global_\ndefaults: [{override /model: large}]\nseed: 3\nof_other: 2\n"
    )
    swept(tmp_path, config, "conf", "experiment=other", "hydra.sweeper.n_trials=1")
    done = cli("promote", tmp_path / "sweep", 0, "--to", folder / "best.yaml")
    line = line_of(done)
    assert line.endswith("train.py experiment=best") and "Warning" not in done.out
    ran = yaml.safe_load((tmp_path / "sweep" / "0" / ".hydra" / "config.yaml").read_text())
    assert composed(line, tmp_path / "project") == ran
    assert (ran["of_other"], ran["seed"], ran["model"]) == (2, 3, {"w": 2}) and "of_base" not in ran


@pytest.mark.long
def test_mandatory_group_is_chosen_in_the_file(cli: Cli, tmp_path: Path) -> None:
    config = EARLY.replace("{model: small}", "{model: '???'}")
    swept(tmp_path, config, "conf", "model=large", "hydra.sweeper.n_trials=1")
    done = cli("promote", tmp_path / "sweep", 0, "--to", tmp_path / "project" / "conf" / "experiment" / "best.yaml")
    assert "Warning" not in done.out
    assert composed(line_of(done), tmp_path / "project")["model"] == {"w": 2}


# projects that are elsewhere


def test_project_that_was_moved_is_found_above_the_file(cli: Cli, copy: Path) -> None:
    done = cli("promote", copy / "sweep", 1, "--to", copy / "project" / "conf" / "experiment" / "moved.yaml")
    assert "compared" not in done.out and "changed" not in done.out
    assert composed(line_of(done), copy / "project")["x"] == searched(copy, 1)


def test_point_of_a_project_that_is_gone_is_copied_from_the_front(cli: Cli, copy: Path) -> None:
    (copy / "conf" / "found").mkdir(parents=True)
    done = cli("promote", copy / "sweep", _on_front(copy), "--to", copy / "conf" / "found" / "b1.yaml")
    assert line_of(done).endswith(f"--config-dir {copy}/conf +found=b1")
    gone = "where the program was started, is gone; was the project moved?"
    assert "nor was the command tried: " in done.out and gone in done.out
    assert composed(line_of(done), copy / "project")["x"] == searched(copy, _on_front(copy))
    done = cli("promote", copy / "sweep", 1 - _on_front(copy), "--to", copy / "conf" / "found" / "b2.yaml")
    assert done.code == 1 and "is not on the front, so has no file there, and " in done.err and gone in done.err
    assert not (copy / "conf" / "found" / "b2.yaml").exists()


def _on_front(study: Path) -> int:
    return int(next((study / "sweep" / "pareto").iterdir()).stem.removeprefix("trial_"))


@pytest.mark.long
def test_relative_search_path_is_that_of_the_sweep(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "shared" / "extra").mkdir(parents=True)
    (tmp_path / "project" / "shared" / "extra" / "one.yaml").write_text("e: 1\n")
    config = "defaults: [{model: small}, {extra: one}, _self_, {experiment: null}]\n" + VALUES
    swept(tmp_path, config + "hydra: {searchpath: ['file://shared']}\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    target = tmp_path / "project" / "conf" / "experiment" / "b1.yaml"
    done = cli("promote", tmp_path / "sweep", 1, "--to", target)
    assert line_of(done).endswith("train.py experiment=b1") and done.out.count("\n") == 2
    assert composed(line_of(done), tmp_path / "project")["extra"] == {"e": 1}
    assert Path.cwd() == tmp_path / "elsewhere"


# damaged files


def test_point_is_composed_anew_whatever_became_of_its_file(cli: Cli, early: Path, tmp_path: Path) -> None:
    shutil.copytree(early / "sweep", tmp_path / "sweep")
    number = _on_front(tmp_path)
    (tmp_path / "sweep" / "pareto" / f"trial_{number}.yaml").write_bytes(b"\xff\xfe\n")
    done = cli("promote", tmp_path / "sweep", number, "--to", tmp_path / "best.yaml")
    assert line_of(done) and yaml.safe_load((tmp_path / "best.yaml").read_text())["x"] == searched(early, number)


@pytest.mark.parametrize("damage", [b"{", b"hydra: {runtime: null}\n"])
def test_damaged_configuration_of_the_sweep_is_told_in_one_line(cli: Cli, copy: Path, damage: bytes) -> None:
    (copy / "sweep" / "multirun.yaml").write_bytes(damage)
    done = cli("promote", copy / "sweep", _on_front(copy), "--to", copy / "best.yaml")
    assert line_of(done)
    assert "multirun.yaml does not say where the project's configs are" in done.out.splitlines()[-1]


# repeats


@pytest.mark.long
def test_means_of_repeats_are_called_so(cli: Cli, tmp_path: Path) -> None:
    swept(tmp_path, VALUES + "defaults: [{model: small}, _self_]\n", "conf", "hydra.sweeper.repeats=3", "fails=1")
    trials = read_snapshot(tmp_path / "sweep").trials
    trial = next(trial for trial in trials if trial.status is Status.COMPLETED)
    target = tmp_path / "project" / "conf" / "experiment" / "best.yaml"
    done = cli("promote", tmp_path / "sweep", trial.number, "--to", target)
    said = (
        "Its metrics are the mean of 2 runs (3 started, 1 failed), with seed=0 and seed=2. The command is one run: "
        "give it seed=... to have one of those again."
    )
    assert said in done.out.splitlines() and f"# {said}" in target.read_text().splitlines()
    assert "changed" not in done.out and "Warning" not in done.out
    assert composed(line_of(done), tmp_path / "project")["seed"] == 0
