"""What nobody reads, or cannot be shown, ends no study."""

import io
import re
import shlex

import pexpect
import pytest

from tests.support.sweeps import environment

EXPERIMENT = r"""# @package _global_
hydra: {sweeper: {params: {+note: "choice('\e[31mred','\e[32mgreen')"}}}
"""
SPACE = ("x=interval(0,1)", "hydra.sweeper.n_trials=2", "hydra.sweeper.method=random_search")


def test_closed_output_does_not_end_the_study(sweep):
    command = f"{shlex.join(sweep.argv(*SPACE))} | head -1"
    sweep.run(argv=["bash", "-c", command])
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 2


@pytest.mark.long
def test_terminal_without_the_letters_does_not_end_the_study(sweep):
    done = sweep.run("+note=plain,'é'", *SPACE, "hydra.sweeper.n_trials=3", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.output
    assert {trial["params.+note"] for trial in sweep.trials()} == {"plain", "é"}


@pytest.mark.long
def test_narrow_terminal_gets_no_broken_lines(sweep):
    argv = sweep.argv(*SPACE, "model=small,large", "+parameter_with_a_long_name=interval(0,1)")
    terminal = environment(TERM="xterm-256color", NO_COLOR="1")
    del terminal["COLUMNS"]
    child = pexpect.spawn(
        argv[0], argv[1:], cwd=str(sweep.tmp_path), env=terminal, timeout=60, encoding="utf-8", dimensions=(24, 40)
    )
    output = io.StringIO()
    child.logfile_read = output
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, output.getvalue()
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", output.getvalue()).replace("\r\n", "\n")
    assert "\x1b" not in plain and not re.search(r"\x1b\[[\d;]*3\dm", output.getvalue())
    assert re.search(r" \d/2  \d/2 running", plain)
    table = plain.split("Pareto front:")[-1]
    lines = table.split("Everything is in")[0].splitlines()
    assert all(len(line) <= 40 for line in lines), lines
    assert "parameter_with_a_long_name" not in next(line for line in lines if "loss ↓" in line)
    assert "Run a point again: " in plain and "Choose a point: ax-mo pareto" in plain and "to resume: " in plain


def test_what_is_no_terminal_gets_lines_without_control_codes(sweep):
    experiment = sweep.project / "conf" / "experiment" / "note.yaml"
    experiment.parent.mkdir()
    experiment.write_text(EXPERIMENT)
    done = sweep.run(*SPACE, "+experiment=note", env={"TERM": "dumb"})
    assert done.returncode == 0, done.output
    assert "\x1b" not in done.output and "\r" not in done.output
    assert done.output.count("ax_mo: trial ") == 4
    assert re.search(r"^Choose a point: ax-mo pareto /", done.output, re.MULTILINE)
