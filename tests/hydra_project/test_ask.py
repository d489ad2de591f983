"""What a program answers that is asked what a command line composes to."""

import sys
from pathlib import Path

import pytest

from ax_mo.hydra_project.ask import AskedProject, NotComposed
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.project import chosen_option

SCRIPT = """
from pathlib import Path
import hydra

Path("started").open("a").write("x")
print("loading: 1")

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    Path("ran").touch()

main()
print("done")
"""
CONFIG = "defaults:\n- model: ???\n- _self_\nhydra: {mode: MULTIRUN, sweeper: {params: {x: 'interval(0,1)'}}}\nx: 1\n"


@pytest.fixture
def project(tmp_path: Path) -> AskedProject:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text(CONFIG)
    (tmp_path / "conf" / "model" / "small.yaml").write_text("w: 1\n")
    (tmp_path / "train.py").write_text(SCRIPT)
    return AskedProject(Program((sys.executable, "train.py"), (), (), (), tmp_path), {}, ["model=small"])


def test_line_is_asked_once_and_nothing_is_run(project: AskedProject, tmp_path: Path) -> None:
    for _ in range(2):
        config = project.compose(["model=small", "x=2"])
        assert (config.model, config.x, config.hydra.runtime.choices.model) == ({"w": 1}, 2, "small")
    assert (tmp_path / "started").read_text() == "x"
    assert not (tmp_path / "ran").exists() and not (tmp_path / "multirun").exists()


def test_group_that_must_be_chosen_is_left_open_in_the_plain_configuration(project: AskedProject) -> None:
    assert chosen_option(project.compose_plain([]), "model") == "???"


def test_what_does_not_compose_is_told_in_hydras_words(project: AskedProject) -> None:
    with pytest.raises(NotComposed, match=r"^Could not override 'y'\. To append to your config use \+y=3 "):
        project.compose(["model=small", "y=3"])
    with pytest.raises(NotComposed) as caught:
        project.compose([])
    assert caught.value.missing == "model"


def test_program_that_does_not_start_is_told(tmp_path: Path) -> None:
    gone = Program((sys.executable, "train.py"), (), (), (), tmp_path / "gone")
    with pytest.raises(NotComposed, match=r"the program cannot be started in .*/gone: No such file"):
        AskedProject(gone, {}, []).compose([])
    missing = Program((sys.executable, "train.py"), (), (), (), tmp_path)
    with pytest.raises(NotComposed, match=r"can't open file"):
        AskedProject(missing, {}, []).compose([])
