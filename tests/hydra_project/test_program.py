"""The user's own command line, taken apart and put together again for one trial."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ax_mo.errors import NotRerunnableError
from ax_mo.hydra_project.program import RECORDER, Program, split_argv
from ax_mo.hydra_project.this_program import this_program

PROGRAM = Program((sys.executable, "train.py"), ("--config-name", "nas"), ("hydra.job.chdir=true",), ())


def composed(line: str) -> Any:
    """What Hydra and OmegaConf make of one override's value."""
    override = OverridesParser.create().parse_override(line)
    config = OmegaConf.create({"value": None})
    OmegaConf.update(config, "value", override.value())
    return config.value


def command(**changes: Any) -> list[str]:
    values: dict[str, Any] = {
        "overrides": ["model=cnn", "optim.lr=0.1"],
        "run_dir": Path("/sweep/7"),
        "sweep_dir": Path("/sweep"),
        "subdir": "7",
        "number": 7,
        "job_id": "7",
    }
    return PROGRAM.command(**{**values, **changes})


# Taking the command line apart


@pytest.mark.parametrize(
    ("argv", "program", "arguments"),
    [
        (["python", "train.py", "-m", "lr=1"], ["train.py"], ["-m", "lr=1"]),
        (["python", "-m", "pkg.train", "lr=1"], ["-m", "pkg.train"], ["lr=1"]),
        (["python", "-mpkg.train", "lr=1"], ["-mpkg.train"], ["lr=1"]),
        (["python", "-c", "code", "lr=1"], ["-c", "code"], ["lr=1"]),
        (["python", "-u", "train.py", "lr=1"], ["-u", "train.py"], ["lr=1"]),
        (["python", "-um", "pkg.train", "-m"], ["-um", "pkg.train"], ["-m"]),
        (["python", "-W", "ignore", "train.py", "a"], ["-W", "ignore", "train.py"], ["a"]),
        (["python", "-uW", "ignore", "-m", "x", "a"], ["-uW", "ignore", "-m", "x"], ["a"]),
        (["python", "-Xdev", "-IuX", "utf8", "t.py"], ["-Xdev", "-IuX", "utf8", "t.py"], []),
        (["python", "-Wm", "train.py", "a"], ["-Wm", "train.py"], ["a"]),
        (["python", "--check-hash-based-pycs", "always", "t"], ["--check-hash-based-pycs", "always", "t"], []),
        (["python", "-", "a"], ["-"], ["a"]),
        (["python", "/venv/bin/console-script", "-m", "a"], ["/venv/bin/console-script"], ["-m", "a"]),
    ],
)  # fmt: skip
def test_command_line_is_split_after_what_names_the_program(
    argv: list[str], program: list[str], arguments: list[str]
) -> None:
    assert split_argv(argv) == ([sys.executable, *program], arguments)


_SHOW = "import json, sys; print(json.dumps([sys.orig_argv, sys.argv[1:]]))"


@pytest.mark.parametrize(
    ("options", "kind"),
    [([], "script"), (["-u"], "-m"), (["-W", "ignore", "-uE"], "-uc"), (["-BX", "utf8", "-Xdev"], "script")],
)
def test_split_agrees_with_python(tmp_path: Path, options: list[str], kind: str) -> None:
    (tmp_path / "show.py").write_text(_SHOW)
    program = {"script": [str(tmp_path / "show.py")], "-m": ["-m", "show"]}.get(kind, [kind, _SHOW])
    argv = [sys.executable, *options, *program, "-m", "-c", "lr=1", ""]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path)
    orig_argv, arguments = json.loads(done.stdout)
    prefix, rest = split_argv(orig_argv)
    assert rest == arguments
    assert prefix == [sys.executable, *options, *program]


# The command of a trial


def test_trial_runs_once_in_its_directory_with_the_recorder() -> None:
    argv = command()
    assert argv[:4] == [sys.executable, "train.py", "--config-name", "nas"]
    assert argv[4:] == [
        "model=cnn",
        "optim.lr=0.1",
        "hydra.job.chdir=true",
        "hydra.mode=RUN",
        "hydra.run.dir=/sweep/7",
        "hydra.sweep.dir=/sweep",
        "hydra.sweep.subdir=7",
        "hydra.job.num=7",
        "hydra.job.id=7",
        f"++hydra.callbacks.ax_mo._target_={RECORDER}",
    ]


AWKWARD = [
    "/home/josé/日本/1",
    "/a\\${x}",
    "/a\\\\${x}",
    "/a\\${x",
    "/a b/it's",
    '/say "hi"',
    "/a,b=c,[d]",
    "/a=${x}/b",
    "/${oc.env:HOME}",
    "/$HOME/~x/*?",
    "/back\\slash\\",
    "/quote\\'s\\\"",
    "/tab\tnew\nline",
    "/{a:b}#;&|<>()",
    "/plain/a.b-c+d@e_f/007",
]


@pytest.mark.parametrize("path", AWKWARD)
def test_awkward_directory_is_read_back_exactly(path: str) -> None:
    lines = [line for line in command(run_dir=Path(path), sweep_dir=Path(path)) if line.startswith("hydra.")]
    assert [composed(line) for line in lines if ".dir=" in line] == [path, path]


@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(st.text(max_size=8) | st.text("ab'\"\\,=${}[]()#:; \t\n.~1", max_size=8))
def test_any_directory_is_read_back_exactly(name: str) -> None:
    path = Path("/sweeps") / name.replace("\0", "").lstrip("/")
    argv = command(run_dir=path, sweep_dir=path)
    assert [str(composed(line)) for line in argv if ".dir=" in line] == [str(path), str(path)]


@pytest.mark.parametrize("subdir", ["0", "17", "007", "null", "true", "1e3", "a=1,b=2", "", "x y", "1_0", "${x}"])
def test_subdir_and_job_id_are_read_back_as_the_text_they_are(subdir: str) -> None:
    argv = command(subdir=subdir, job_id=subdir)
    values = [composed(line) for line in argv if line.startswith(("hydra.sweep.subdir=", "hydra.job.id="))]
    assert [str(value) for value in values] == [subdir, subdir]


# What is kept of the command line


def use_command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[list[str], list[str]]:
    """This process as if it had been started so; returns the task's overrides and Hydra's."""
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["python", "train.py", *arguments])
    overrides = [a for a in arguments if "=" in a]
    return [a for a in overrides if "hydra" not in a], [a for a in overrides if "hydra" in a]


SWEEP_ONLY = [
    "hydra/sweeper=ax_mo",
    "hydra/launcher=torchx",
    "hydra.sweeper.n_trials=4",
    "++hydra.sweeper.params.x=1",
    "hydra.launcher.cpu=2",
    "+hydra.launcher.env.A=1",
    "hydra.mode=MULTIRUN",
    "hydra.sweep.dir=/old",
    "hydra.sweep.subdir=x",
    "hydra.run.dir=/old",
    "hydra.job.num=3",
    "hydra.job.id=3",
]
KEPT = ["hydra.job.chdir=true", "hydra/job_logging=none", "+hydra.job.env_set.A=1", "hydra.searchpath=[file:///x]"]


def test_sweep_only_overrides_are_dropped_and_others_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["-m", "lr=1", *SWEEP_ONLY, *KEPT]
    program = this_program(*use_command_line(monkeypatch, *given))
    assert program.hydra_overrides == tuple(KEPT)
    assert program.typed == ("python", "train.py", *given)
    assert program.prefix == (sys.executable, "train.py")


def test_flags_that_say_where_configs_are_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = use_command_line(monkeypatch, "--multirun", "-cn", "nas", "--config-dir", "conf", "-cp", "../c", "lr=1")
    assert this_program(*given).flags == (
        "--config-path", "../c", "--config-name", "nas", "--config-dir", str(tmp_path / "conf"),
    )  # fmt: skip


def test_mode_that_hydra_added_itself_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    task, hydra = use_command_line(monkeypatch, "-m", "lr=1")
    assert this_program(task, [*hydra, "hydra.mode=MULTIRUN"]).hydra_overrides == ()


@pytest.mark.parametrize("arguments", [["lr=2"], ["--no-hydra-flag", "lr=1"], ["lr=1", "extra=2"], []])
def test_program_in_which_something_else_calls_hydra_is_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    use_command_line(monkeypatch, *arguments)
    with pytest.raises(NotRerunnableError, match="hydra/launcher=basic or hydra/launcher=joblib"):
        this_program(["lr=1"], [])


# Lines for people


def resume_words(monkeypatch: pytest.MonkeyPatch, sweep_dir: str, *arguments: str) -> list[str]:
    return this_program(*use_command_line(monkeypatch, *arguments)).resume_words(Path(sweep_dir))


def test_resume_command_is_the_command_as_typed_with_the_sweep_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    words = resume_words(monkeypatch, "/sweep", "-m", "name='a b'", "lr=1,2")
    assert words == ["python", "train.py", "-m", "name='a b'", "lr=1,2", "hydra.sweep.dir=/sweep"]


@pytest.mark.parametrize("prefix", ["", "++"])
def test_resume_command_replaces_an_older_sweep_directory(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    words = resume_words(monkeypatch, "/new", f"{prefix}hydra.sweep.dir=/old", "-m", "hydra.sweep.subdir=x")
    assert words == ["python", "train.py", "-m", "hydra.sweep.subdir=x", "hydra.sweep.dir=/new"]


@pytest.mark.parametrize("path", AWKWARD)
def test_resume_command_survives_the_shell(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert composed(resume_words(monkeypatch, path, "-m")[-1]) == path


def pareto_words(monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], hydra: tuple[str, ...]) -> list[str]:
    monkeypatch.setattr(sys, "orig_argv", ["python"])
    return Program(("python", "train.py"), flags, hydra, ()).words(["+pareto=trial_7"], Path("/s w"))


def test_pareto_command_names_the_point_and_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    words = pareto_words(monkeypatch, ("--config-name", "nas"), ("hydra.job.chdir=true",))
    assert words == ["python", "train.py", "--config-name", "nas", "--config-dir", "/s w", "+pareto=trial_7"]


# BUG: only the first of the two search paths is written.
def test_pareto_command_keeps_both_config_dir_and_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    words = pareto_words(monkeypatch, ("--config-dir", "/mine"), ("hydra.searchpath=[file:///more]",))
    (line,) = [word for word in words if word.startswith("hydra.searchpath=")]
    assert sorted(composed(line)) == ["file:///mine", "file:///more"]
    assert "'" not in line  # which a shell's own quotes would make unreadable


def test_search_path_with_signs_of_hydras_grammar_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    words = pareto_words(monkeypatch, ("--config-dir", "/my, [own]"), ())
    (line,) = [word for word in words if word.startswith("hydra.searchpath=")]
    assert composed(line) == ["file:///my, [own]"]


def test_other_python_runs_trials_and_points_of_the_front_but_not_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-u", "train.py", "-m"])
    program = Program((sys.executable, "-u", "train.py"), (), (), ("python", "-u", "train.py", "-m"))
    assert program.with_python("") is program
    other = program.with_python("/project/bin/python")
    assert other.command([], Path("/s/7"), Path("/s"), "7", 7, "7")[:3] == ["/project/bin/python", "-u", "train.py"]
    assert other.words([])[:3] == ["/project/bin/python", "-u", "train.py"]
    assert program.words([])[:3] == ["python", "-u", "train.py"]
    assert other.resume_words(Path("/s")) == ["python", "-u", "train.py", "-m", "hydra.sweep.dir=/s"]


def test_program_is_kept_with_its_study_and_comes_back_as_it_was(tmp_path: Path) -> None:
    program = Program(
        (sys.executable, "-m", "pkg"),
        ("--config-name", "nas"),
        ("a.b=1",),
        ("py", "-m", "pkg", "a=1"),
        tmp_path,
        "/x",
        "py",
    )
    assert Program.from_json(json.loads(json.dumps(program.as_json()))) == program


def test_program_of_an_earlier_versions_study_is_read_from_its_lines() -> None:
    line = "python -u train.py --config-name nas --config-dir '/s w' \"hydra.searchpath=['file:///x']\" +pareto={name}"
    program = Program.from_lines(line, "python -u train.py -m 'a b' 'hydra.sweep.dir=/s w'", Path("/project"))
    assert (program.prefix, program.flags) == ((sys.executable, "-u", "train.py"), ("--config-name", "nas"))
    assert program.search_path == ["file:///x"]
    assert program.words(["+pareto={name}"], Path("/s w")) == shlex.split(line.replace("'file:///x'", "file:///x"))
    assert program.resume_words(Path("/s")) == ["python", "-u", "train.py", "-m", "a b", "hydra.sweep.dir=/s"]
