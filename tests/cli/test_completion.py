"""What a shell offers at TAB, in the shells themselves."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from ax_mo.html_report import SHOWN_BY
from tests.support import studies

from .conftest import Cli, stored_with_table

OLD, NEW = "multirun/2026-11-02/10-15-00", "multirun/2026-11-03/09-00-00"
HERE = Path(__file__).resolve().parents[2]
REMOVE_LINE = "\x15"  # Ctrl-U
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], 'bind "set show-all-if-ambiguous on" && eval "$(ax-mo completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -U compinit && compinit -u -D && eval "$(ax-mo completion zsh)"'),
    "fish": (["--no-config", "-i"], "ax-mo completion fish | source"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two sweeps: an older one of 3 trials, and a newer one of 12."""
    directory = tmp_path_factory.mktemp("project")
    for age, (name, count) in enumerate({NEW: 12, OLD: 3}.items()):
        sweep = stored_with_table(studies.study(directory / name, count)).directory
        for path in sweep.iterdir():
            os.utime(path, (1e9 - age, 1e9 - age))
    return directory


def environment(directory: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(directory), "TERM": "xterm", "LANG": "C.UTF-8"}


def answers(line: str, project: Path, *python: str) -> subprocess.CompletedProcess[str]:
    """What is offered at the end of the line: a word each with its description, in ``stdout``."""
    asked = {
        "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": "fish",
        "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1", "_ARGCOMPLETE_DFS": "\t",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *python, "-m", "ax_mo"],
        cwd=project, capture_output=True, text=True, check=True,
        env={**os.environ, **asked, "PYTHONPATH": str(HERE)},
    )  # fmt: skip


def offered(line: str, project: Path) -> dict[str, str]:
    return {word: text for word, _, text in (one.partition("\t") for one in answers(line, project).stdout.split("\n"))}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, project: Path) -> Iterator[pexpect.spawn]:
    """One on a terminal, which was told to complete our commands."""
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param}")
    arguments, told = SHELLS[request.param]
    child = pexpect.spawn(
        request.param, arguments, cwd=str(project), env=environment(project), encoding="utf-8", timeout=120,
        dimensions=(50, 160),
    )  # fmt: skip
    child.sendline(f"{told} && echo tol''d")
    child.expect("\ntold|told\r")
    yield child
    child.close(force=True)


def test_shell_offers_trials_sweeps_and_metrics(shell: pexpect.spawn) -> None:
    shell.send("ax-mo show 1\t")
    shell.expect("11")  # beside 1 and 10
    shell.send(f"{REMOVE_LINE}ax-mo pareto --max laten\t")
    shell.expect("latency")
    shell.send(f"{REMOVE_LINE}ax-mo status {OLD[:-4]}\t")
    shell.expect("2/10-15-00")


def test_what_is_offered_depends_on_the_command_and_the_sweep(project: Path) -> None:
    assert "status" in offered("ax-mo s", project) and "pareto" not in offered("ax-mo s", project)
    newest = offered("ax-mo show ", project)
    assert {OLD, NEW, "0", "11", "imported_1"} <= newest.keys()
    assert re.fullmatch(r"completed val_acc=0\.\d+ num_params=\d+ .*", newest["0"]) and newest["4"] == "failed"
    assert offered(f"ax-mo show {OLD} ", project).keys() == {"0", "1", "2"}
    assert "4" not in offered("ax-mo promote ", project), "it failed"
    assert {"val_acc", "num_params", "width"} <= offered("ax-mo pareto --min ", project).keys()
    assert offered("ax-mo pareto --where 'num_", project).keys() == {"num_params <=", "num_params >="}
    assert offered("ax-mo plot con", project) == {"contour": SHOWN_BY["contour"]}, "also of the newest sweep"
    assert offered(f"ax-mo plot {OLD} ", project) == SHOWN_BY
    assert offered("ax-mo plot slice --params width,opt", project).keys() == {"width,optim.lr"}
    assert offered("ax-mo pareto --where 'mod", project).keys() == {"model = cnn", "model = mlp"}


def test_answer_imports_nothing_heavy(project: Path) -> None:
    done = answers("ax-mo show ", project, "-X", "importtime")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "argcomplete" in imported
    assert not imported & {"ax", "torch", "hydra", "pandas", "numpy", "plotly", "sqlalchemy", "omegaconf", "yaml"}


def test_damaged_table_offers_nothing(project: Path, tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_bytes(b"trial,status\n\xff\0")
    (tmp_path / "study.db").touch()
    assert offered("ax-mo show ", tmp_path).keys() == {"."}


def test_unknown_shell_is_wrong_usage(cli: Cli) -> None:
    done = cli("completion", "csh")
    assert done.code == 2 and "invalid choice: 'csh' (choose from 'bash', 'zsh', 'fish')" in done.err
