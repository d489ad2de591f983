"""However the program is started, its trials are the same command again."""

import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from tests.support.sweeps import Sweep, without_built_in

ONE = ("x=interval(0,1)", "hydra.sweeper.n_trials=1")


@pytest.fixture
def as_a_user(sweep: Sweep) -> None:
    """Its programs are started and not forked, where that is what is tested."""
    sweep.forked = False


def arguments(sweep, *overrides):
    return sweep.argv(*overrides)[2:]


def config_of(directory):
    return yaml.safe_load((directory / ".hydra" / "config.yaml").read_text())


@pytest.mark.usefixtures("as_a_user")
def test_module_run_with_dash_m(sweep):
    package = sweep.tmp_path / "pkg"
    sweep.project.rename(package)
    (package / "__init__.py").touch()
    done = sweep.run(argv=[sys.executable, "-m", "pkg.toy", *arguments(sweep, *ONE)])
    assert done.returncode == 0, done.output
    assert len(sweep.solutions()) >= 1


@pytest.mark.usefixtures("as_a_user")
def test_console_script(sweep):
    package = sweep.tmp_path / "site" / "pkg"
    package.parent.mkdir()
    sweep.project.rename(package)
    for folder in (package, package / "conf"):
        (folder / "__init__.py").touch()
    # As pip writes it for [project.scripts] train = "pkg.toy:main".
    script = sweep.tmp_path / "train"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom pkg.toy import main\nsys.exit(main())\n")
    script.chmod(0o755)
    elsewhere = sweep.tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = sweep.run(
        argv=[str(script), *arguments(sweep, *ONE)], cwd=elsewhere, env={"PYTHONPATH": str(package.parent)}
    )
    assert done.returncode == 0, done.output
    assert "completed" in done.output


@pytest.mark.usefixtures("as_a_user")
def test_relative_script_from_another_directory(sweep):
    where = sweep.tmp_path / "a" / "b"
    where.mkdir(parents=True)
    relative = os.path.relpath(sweep.script, where)
    done = sweep.run(argv=[sys.executable, relative, *arguments(sweep, *ONE, "hydra.sweep.dir=out here")], cwd=where)
    assert done.returncode == 0, done.output
    assert (where / "out here" / "0" / "result.json").exists()


def test_config_name_path_and_dir_are_passed_on(sweep):
    conf = sweep.project / "conf"
    (conf / "other.yaml").write_text("defaults:\n  - config\n  - _self_\ny: 7.0\n")
    moved = sweep.project / "configs"
    conf.rename(moved)
    extra = sweep.tmp_path / "extra" / "optim"
    extra.mkdir(parents=True)
    (extra / "mine.yaml").write_text("name: mine\nlr: 5.0\n")
    done = sweep.run(
        argv=[*sweep.argv(*ONE, "optim=mine"), "--config-name", "other", "--config-path", "configs",
              "--config-dir", "extra"],
    )  # fmt: skip
    assert done.returncode == 0, done.output
    config = config_of(sweep.dir / "0")
    assert config["y"] == 7.0
    assert config["optim"] == {"name": "mine", "lr": 5.0}
    # The promoted point runs again with all of it.
    command = next(line for line in done.output.splitlines() if line.startswith("Run a point again: "))
    argv = [*shlex.split(command.removeprefix("Run a point again: ")), f"hydra.run.dir={sweep.tmp_path / 'again'}"]
    again = sweep.run(argv=argv)
    assert again.returncode == 0, again.output
    number = argv[-2].removeprefix("+pareto=trial_")
    assert config_of(sweep.tmp_path / "again") == config_of(sweep.dir / number)


def test_chdir_custom_subdir_and_the_users_own_overrides(sweep):
    done = sweep.run(
        *ONE, "y=0.25", "+note='a, b=c'", "hydra.job.chdir=true", "hydra.job.name=${hydra:job.num}_of_${oc.env:TEAM}",
        "hydra.sweep.dir=${hydra:runtime.choices.model}", "+hydra.job.env_set.RUN=${hydra:job.name}",
        "hydra.sweep.subdir=run_${hydra:job.num}_${hydra.job.override_dirname}", env={"TEAM": "vision"},
    )  # fmt: skip
    sweep.dir = sweep.tmp_path / "small"
    assert done.returncode == 0, done.output
    directories = [sweep.dir / trial["dir"] for trial in sweep.trials()]
    assert directories[0].name.startswith("run_0_")
    assert (directories[0] / "0_of_vision.log").exists()  # Hydra's log, which a job's own name names
    for directory in directories:
        config = config_of(directory)
        assert config["y"] == 0.25
        assert config["note"] == "a, b=c"
    assert yaml.safe_load((directories[0] / ".hydra" / "hydra.yaml").read_text())["hydra"]["job"]["chdir"] is True


@pytest.mark.long
def test_subdirs_that_collide_are_told_apart(sweep):
    done = sweep.run(*ONE, "hydra.sweeper.n_trials=2", "hydra.sweep.subdir=same")
    assert done.returncode == 0, done.output
    assert len({trial["dir"] for trial in sweep.trials()}) == 2


def test_command_of_a_trial_can_be_run_by_hand(sweep):
    assert sweep.run(*ONE, "+note='$HOME and \"quotes\"'").returncode == 0
    before = without_built_in(sweep.result(0)["metrics"])
    (sweep.dir / "0" / "result.json").unlink()
    subprocess.run(["sh", str(sweep.dir / "0" / "command.sh")], check=True, cwd="/", timeout=60)
    assert without_built_in(sweep.result(0)["metrics"]) == before
    assert config_of(sweep.dir / "0")["note"] == '$HOME and "quotes"'


def test_sweep_that_is_configured_in_files_alone(sweep):
    experiment = sweep.project / "conf" / "experiment"
    experiment.mkdir()
    (experiment / "nas.yaml").write_text(
        textwrap.dedent(f"""
        # @package _global_
        defaults:
          - override /hydra/sweeper: ax_mo
          - override /model: large
        y: 0.5
        hydra:
          sweep: {{dir: {sweep.dir}}}
          sweeper:
            objectives:
              loss: {{goal: minimize, threshold: 2}}
              size: minimize
            n_trials: 3
            params:
              optim: glob(*)
              x: interval(0, 1)
              model.depth: range(1, 4)
        """)
    )
    done = sweep.run(argv=[sys.executable, str(sweep.script), "-m", "+experiment=nas"])
    assert done.returncode == 0, done.output
    solution = sweep.solutions()[0]
    assert solution["meets_thresholds"] is True
    assert solution["params"]["optim"] in ("adam", "sgd")
    # Its promoted point is a single run, group choices included, although the experiment sweeps.
    number = solution["trial"]
    again = sweep.run(
        argv=[sys.executable, str(sweep.script), "--config-dir", str(sweep.dir), f"+pareto=trial_{number}",
              f"hydra.run.dir={sweep.tmp_path / 'again'}"],
    )  # fmt: skip
    assert again.returncode == 0, again.output
    assert config_of(sweep.tmp_path / "again") == config_of(sweep.dir / str(number))


@pytest.mark.long
def test_promoted_point_of_a_project_that_sweeps_by_default_does_not_sweep(sweep):
    config = sweep.project / "conf" / "config.yaml"
    config.write_text(config.read_text() + "hydra:\n  mode: MULTIRUN\n")
    done = sweep.run(*ONE)
    assert done.returncode == 0, done.output
    command = next(line for line in done.output.splitlines() if line.startswith("Run a point again: "))
    argv = shlex.split(command.removeprefix("Run a point again: "))
    assert argv[-1] == "hydra.mode=RUN"
    if hydra.__version__.startswith("1.3"):  # where the file may say so itself
        argv = argv[:-1]
    again = sweep.run(argv=[*argv, f"hydra.run.dir={sweep.tmp_path / 'again'}"])
    assert again.returncode == 0, again.output
    assert (sweep.tmp_path / "again" / ".hydra").exists()


@pytest.mark.parametrize(
    "typed", ["sweeper in the script", pytest.param("sweeper on the command line", marks=pytest.mark.long)]
)
def test_script_that_adds_the_multirun_flag_itself_does_not_sweep_in_its_trials(sweep, typed):
    added = ["'-m'", *(["'hydra/sweeper=ax_mo'"] if typed == "sweeper in the script" else [])]
    text = sweep.script.read_text().replace("    main()\n", f"    sys.argv[1:1] = [{', '.join(added)}]\n    main()\n")
    sweep.script.write_text(text)
    argv = [word for word in sweep.argv(*ONE) if word != "-m"]
    if typed == "sweeper in the script":
        argv.remove("hydra/sweeper=ax_mo")
    done = sweep.run(argv=argv)
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"]
    assert not list(sweep.dir.glob("*/study.db")) and not list(sweep.dir.glob("*/multirun.yaml"))


@pytest.mark.long
def test_task_inside_another_program_is_refused_by_torchx_and_runs_with_basic(sweep):
    notebook = sweep.project / "notebook.py"
    (sweep.project / "conf" / "__init__.py").touch()
    notebook.write_text(
        textwrap.dedent("""
        import sys
        words = sys.argv[1:]
        sys.argv = ["notebook"]

        def cell():
            from toy import main
            sys.argv = ["toy.py", *words]
            main()

        sys.orig_argv = ["python", "-m", "ipykernel_launcher", "-f", "connection.json"]
        cell()
        """)
    )
    argv = [word if word != str(sweep.script) else str(notebook) for word in sweep.argv(*ONE)]
    refused = sweep.run(argv=argv)
    assert refused.returncode == 1
    assert "hydra/launcher=basic or hydra/launcher=joblib" in refused.output
    assert "Traceback" not in refused.output
    assert not sweep.dir.exists()
    done = sweep.run(argv=[*argv, "hydra/launcher=basic"])
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"]


def test_config_groups_and_plain_lists_become_overrides(sweep):
    done = sweep.run("model=glob(*)", "optim=choice(adam,sgd)", "x=0.1,0.2,0.3", "hydra.sweeper.n_trials=2")
    assert done.returncode == 0, done.output
    for trial in sweep.trials():
        overrides = yaml.safe_load((sweep.dir / trial["dir"] / ".hydra" / "overrides.yaml").read_text())
        assert f"model={trial['params.model']}" in overrides
        assert f"optim={trial['params.optim']}" in overrides
        assert config_of(sweep.dir / trial["dir"])["x"] == float(trial["params.x"])


@pytest.mark.long
def test_finite_space_ends_when_all_of_it_was_tried(sweep):
    done = sweep.run("model=small,large", "optim=adam,sgd", "hydra.sweeper.n_trials=20")
    assert done.returncode == 0, done.output
    assert "the whole space was tried" in done.output
    assert len({(trial["params.model"], trial["params.optim"]) for trial in sweep.trials()}) == 4 == len(sweep.trials())


def test_plain_run_of_the_project_is_left_alone(sweep):
    done = sweep.run(argv=[sys.executable, str(sweep.script), f"hydra.run.dir={sweep.tmp_path / 'plain'}"])
    assert done.returncode == 0 and done.output == ""
    assert not (sweep.tmp_path / "plain" / "result.json").exists()


@pytest.mark.long
@pytest.mark.usefixtures("as_a_user")
def test_script_that_replaces_its_command_line_does_not_sweep_in_its_trials(sweep):
    words = repr(sweep.argv(*ONE)[2:])
    text = sweep.script.read_text().replace("    main()\n", f"    sys.argv = [sys.argv[0], *{words}]\n    main()\n")
    sweep.script.write_text(text)
    done = sweep.run(argv=[sys.executable, str(sweep.script)])
    assert done.returncode == 1
    assert "This process is one job of a sweep" in done.output
    assert not list(sweep.dir.glob("*/study.db"))
    assert len(sweep.trials()) <= 3


@pytest.mark.long
def test_settings_of_hydra_that_a_run_depends_on_are_in_the_promoted_point(sweep):
    sweep.script.write_text(sweep.script.read_text().replace('cfg.mode == "nothing"', 'Path("here").touch()'))
    done = sweep.run(*ONE, "hydra.job.chdir=true", "+hydra.job.env_set.GREETING=hello")
    number = sweep.solutions()[0]["trial"]
    assert (sweep.dir / str(number) / "here").exists(), done.output
    promoted = yaml.safe_load((sweep.dir / "pareto" / f"trial_{number}.yaml").read_text())
    assert promoted["hydra"] == {"job": {"chdir": True, "env_set": {"GREETING": "hello"}}}
    again = sweep.tmp_path / "again"
    argv = [sys.executable, str(sweep.script), "--config-dir", str(sweep.dir), f"+pareto=trial_{number}"]
    assert sweep.run(argv=[*argv, f"hydra.run.dir={again}"]).returncode == 0
    assert (again / "here").exists()


@pytest.mark.long
def test_config_with_paths_is_promoted(sweep):
    script = sweep.script.read_text()
    sweep.script.write_text(
        "from dataclasses import dataclass\nfrom hydra.core.config_store import ConfigStore\n"
        + script.replace(
            "def fail(",
            '@dataclass\nclass Where:\n    root: Path = Path("data")\n\n\n'
            'ConfigStore.instance().store(group="where", name="here", node=Where)\n\n\ndef fail(',
            1,
        )
    )
    done = sweep.run(*ONE, "+where=here", "where.root=/tmp/other")
    assert done.returncode == 0, done.output
    number = sweep.solutions()[0]["trial"]
    again = sweep.run(
        argv=[sys.executable, str(sweep.script), "--config-dir", str(sweep.dir), f"+pareto=trial_{number}",
              f"hydra.run.dir={sweep.tmp_path / 'again'}"],
    )  # fmt: skip
    assert again.returncode == 0, again.output
    ran = OmegaConf.load(sweep.tmp_path / "again" / ".hydra" / "config.yaml")
    assert ran == OmegaConf.load(sweep.dir / str(number) / ".hydra" / "config.yaml")
    assert ran.where.root == Path("/tmp/other")
