"""What the commands print on a terminal, and what anything else gets."""

import os
import pty
import re
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from .conftest import Cli, Make


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Cli:
    """Commands on a terminal of as many columns as COLUMNS says."""

    def run(*arguments: object) -> object:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout.isatty", lambda: True)
            patch.setenv("TERM", "dumb")
            return cli(*arguments)

    return run  # type: ignore[return-value]


def test_front_leaves_out_whole_columns(terminal: Cli, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    out = terminal("pareto", make(30).directory).out
    assert all(cell_len(line.rstrip()) <= 50 for line in out.splitlines()), out
    assert "Not shown, for want of room:" in out and "…" not in out
    monkeypatch.setenv("COLUMNS", "200")
    out = terminal("pareto", make(30, name="again").directory).out
    assert "Not shown" not in out and "seconds" in out.splitlines()[0] and "act" in out.splitlines()[0]


def test_no_table_of_a_command_is_wider_than_the_terminal(
    terminal: Cli, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    record = make(30, 3)
    (record.directory / "0").mkdir()
    metrics = ", ".join(f'"a_metric_of_some_length_{n}": {n}' for n in range(5))
    (record.directory / "0" / "curve.jsonl").write_text(f'{{"step": 1, "time": 1, "metrics": {{{metrics}}}}}\n')
    compared = terminal("compare", record.directory, record.directory).out
    shown = terminal("show", record.directory, 0).out
    curve = shown.partition("learning curve:")[2].partition("configuration:")[0]
    status = terminal("status", record.directory).out
    for line in [*compared.splitlines(), *curve.splitlines(), *status.splitlines()]:
        assert cell_len(line) <= 60 or str(record.directory) in line, line  # a path is pasted whole
    assert "Not shown" in compared and "Not shown" in curve
    assert compared.splitlines()[1].lstrip().startswith("…"), "the end of a long path"


def test_lines_are_broken_between_words(terminal: Cli, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    record = make(30)
    broken = terminal("status", record.directory).out
    monkeypatch.setenv("COLUMNS", "1000")
    whole = terminal("status", record.directory).out
    assert broken != whole and broken.split() == whole.split()


@pytest.mark.parametrize("line", ["pareto", "status", "show", "compare"])
def test_pipe_gets_everything_unbroken(cli: Cli, make: Make, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    arguments = (line, make(30).directory, *([0] if line == "show" else []))
    before = cli(*arguments).out
    monkeypatch.setenv("COLUMNS", "30")
    assert cli(*arguments).out == before
    assert "Not shown" not in before and any(len(text) > 30 for text in before.splitlines())


@pytest.mark.parametrize("form", ["csv", "md", "json"])
def test_formats_for_programs_are_whole_on_a_terminal(
    cli: Cli, terminal: Cli, make: Make, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    directory = make(30).directory
    whole = cli("pareto", directory, "--format", form).out
    assert terminal("pareto", directory, "--format", form).out == whole


def test_width_of_a_real_terminal_counts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    directory = make(30).directory
    root = Path(__file__).resolve().parents[2]
    size = "import fcntl, struct, termios; fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('4H', 24, 50, 0, 0))"
    code = f"{size}; from ax_mo.cli.main import main; main(['pareto', {str(directory)!r}])"
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-c", code])
    text = b""
    while True:
        try:
            more = os.read(master, 4096)
        except OSError:
            break
        if not more:
            break
        text += more
    os.waitpid(pid, 0)
    os.close(master)
    lines = re.sub(r"\x1b\[[\d;]*m", "", text.decode()).splitlines()
    assert "\x1b[" in text.decode() and any("Not shown, for want of room" in line for line in lines)
    assert all(cell_len(line) < 50 for line in lines), lines
