"""``hydra.sweeper.dry_run=true`` says what a study would do, and does nothing."""

import os
import shlex
import sqlite3
import sys
from pathlib import Path

import pytest
import yaml
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

from tests.support.sweeps import run

SPACE = ("model=small,large", "hydra.sweeper.params={model.depth: 'range(1,4)'}", "x=interval(0,1)", "y=0,'1'")
PATHS = ("hydra.sweep.subdir=run_${hydra.job.num}", "hydra.sweeper.repeats=2", "hydra.verbose=false")


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_first_trials_command_runs_when_pasted_and_is_the_studys_own(sweep):
    sweep.objectives = "{loss: maximize, size: {goal: minimize, threshold: 100}}"
    options = (*SPACE, *PATHS, "hydra.sweeper.n_trials=1", "hydra.sweeper.constraints=['seconds <= 9']")
    done = sweep.run(*options, "hydra.sweeper.dry_run=true")
    assert done.returncode == 0, done.output
    assert sorted(path.name for path in sweep.tmp_path.iterdir()) == ["project"]
    text, command = done.output.rstrip().rsplit("\n", 1)
    assert text == (
        "key          kind          values        scale        active when\n"
        "model        config group  small, large  categorical  always\n"
        "model.depth  int           1 to 3        linear       model=large\n"
        "x            float         0 to 1        linear       always\n"
        "y            choice        0, '1'        categorical  always\n\n"
        "configurations: infinitely many\n\n"
        "objective  goal      threshold  scale\n"
        "loss       maximize             auto\n"
        "size       minimize  100        auto\n\n"
        "constraints: seconds <= 9\n\n"
        "1 trials, 2 at once, each run 2 times with seed=0 to 1; first the project's own configuration\n\n"
        "note: hydra.sweeper.objectives.loss: maximize looks wrong for something named 'loss'; did you mean minimize?\n"
        "note: trials are forked from a process that has imported the libraries that the first one imports, unless "
        "that proves impossible; with hydra.launcher.scheduler=local_cwd, each starts a Python of its own\n\n"
        "the first trial's command:"
    )

    pasted = run(["sh", "-c", command], cwd=sweep.tmp_path)
    assert pasted.returncode == 0, pasted.output
    config = sweep.dir / "run_0" / "0" / ".hydra" / "config.yaml"
    values = yaml.safe_load(config.read_text())
    assert (values["model"]["name"], values["x"], values["y"], values["seed"]) == ("small", 0.5, 0, 0)

    real = sweep.run(*options)
    assert real.returncode == 0, real.output
    of_first = (sweep.dir / "run_0" / "0" / "command.sh").read_text().splitlines()[-1].removeprefix("exec ")
    assert shlex.split(of_first) == shlex.split(command)
    assert yaml.safe_load(config.read_text()) == values
    assert [line["dir"] for line in sweep.trials()] == ["run_0/0", "run_0/1"]


def test_study_that_would_be_resumed_is_told_with_its_next_trial_or_refused_as_by_a_resume(sweep):
    assert sweep.run("x=range(0,3)", "hydra.sweeper.n_trials=1").returncode == 0
    before = contents(sweep.dir)
    dry = sweep.run("x=range(0,3)", "y=3", "hydra.sweeper.n_trials=9", "hydra.sweeper.dry_run=true")
    assert dry.returncode == 0, dry.output
    assert "holds a study of 1 trials, which this command without dry_run would resume" in dry.output
    assert "an override of every trial differs from the study's earlier trials: + y: y=3" in dry.output
    assert dry.output.rstrip().splitlines()[-2] == "the command of the next trial:"
    assert "hydra.job.num=1" in dry.output.rstrip().splitlines()[-1]
    full = sweep.run("x=range(0,3)", "hydra.sweeper.n_trials=1", "hydra.sweeper.dry_run=true")
    assert full.output.rstrip().splitlines()[-1] == "none: the study has its 1 trials"
    other = sweep.run("x=range(0,4)", "hydra.sweeper.dry_run=true")
    assert other.returncode == 1 and "HYDRA_FULL_ERROR" not in other.output
    assert "ax_mo: error: hydra.sweeper.params is not what this study was started with" in other.output
    repeated = sweep.run("x=range(0,3)", "hydra.sweeper.repeats=2", "hydra.sweeper.dry_run=true")
    assert "hydra.sweeper.repeats is not what this study was started with" in repeated.output
    assert contents(sweep.dir) == before


def test_constraints_that_no_point_meets_are_refused(sweep):
    for dry in ("true", "false"):
        options = (
            "x=range(0,3)",
            "hydra.sweeper.params={seed: 'range(0,3)'}",
            "hydra.sweeper.param_constraints=['2*x + 2*seed <= 3', '2*x + 2*seed >= 3']",
        )
        done = sweep.run(*options, f"hydra.sweeper.dry_run={dry}")
        assert done.returncode == 1
        assert "param_constraints: no point meets '2*x + 2*seed <= 3' and '2*x + 2*seed >= 3' together" in done.output
        assert "Traceback" not in done.output


def test_database_that_is_not_there_yet_is_not_made(sweep):
    storage = sweep.tmp_path / "new.db"
    done = sweep.run(*SPACE, f"hydra.sweeper.storage=sqlite:///{storage}", "hydra.sweeper.dry_run=true")
    assert done.returncode == 0, done.output
    assert "the first trial's command:" in done.output
    assert not storage.exists()


def test_database_of_other_things_is_as_good_as_a_new_one(sweep):
    storage = sweep.tmp_path / "optuna.db"
    with sqlite3.connect(storage) as connection:
        connection.execute("create table studies (study_id integer)")
    connection.close()
    done = sweep.run(*SPACE, f"hydra.sweeper.storage=sqlite:///{storage}", "hydra.sweeper.dry_run=true")
    assert done.returncode == 0, done.output
    assert "the first trial's command:" in done.output


def last_line(done) -> str:
    assert done.returncode == 1, done.output
    assert "Traceback" not in done.output
    return done.output.rstrip().splitlines()[-1]


def test_trial_that_does_not_compose_is_the_last_line_and_an_error(sweep):
    # The project's own model has no depth.
    done = sweep.run("model=small,large", "hydra.sweep.subdir='${model.depth}'", "hydra.sweeper.dry_run=true")
    assert last_line(done).startswith("ax_mo: error: trial 0 cannot run: it does not compose: "), done.output
    assert "the first trial's command:" in done.output


def test_scheduler_that_refuses_every_job_is_the_last_line_and_an_error(sweep):
    refused = ("hydra.launcher.scheduler_args={log_dirr: a}", "hydra.sweeper.dry_run=true")
    done = sweep.run("x=interval(0,1)", *refused)
    assert last_line(done).startswith("ax_mo: error: hydra.launcher.scheduler_args"), done.output
    assert "the first trial's command:" in done.output and not sweep.dir.exists()


@pytest.mark.long
def test_checkpoints_of_all_trials_in_one_directory_are_noted(sweep):
    def noted(*options: str) -> list[str]:
        done = sweep.run("model=small,large", *options, "hydra.sweeper.dry_run=true")
        assert done.returncode == 0, done.output
        return [line for line in done.output.splitlines() if "write into one directory" in line]

    where = "note: all trials write into one directory, +callback.dirpath=checkpoints, over each other's checkpoints: "
    assert noted("+callback.dirpath=checkpoints") == [
        where.replace("+", "") + "with hydra.job.chdir=true it lies in each trial's own"
    ]
    assert noted("+callback.dirpath=checkpoints", "hydra.job.chdir=true") == []
    assert noted("+callback.dirpath='${model.name}/checkpoints'") == []
    (line,) = noted("+callback.dirpath=/scratch/checkpoints", "hydra.job.chdir=true")
    assert line.endswith(": write ${hydra:runtime.output_dir}/checkpoints instead")


def test_trials_that_are_compared_by_a_cost_with_their_imports_are_all_started(sweep):
    sweep.objectives = "{loss: minimize, trial_seconds: minimize}"
    done = sweep.run("x=interval(0,1)", "hydra.sweeper.dry_run=true")
    assert "note: each trial starts a Python of its own: trial_seconds would be less for a forked trial" in done.output


def test_what_a_cluster_is_sent_is_shown_and_then_why_it_would_not_be_taken(sweep):
    options = (
        "hydra.launcher.scheduler=slurm",
        "hydra.launcher.cpu=3",
        "hydra.launcher.scheduler_args={time: '00:20:00'}",
    )
    done = sweep.run(*SPACE, *options, "hydra.sweeper.dry_run=true", env={"PATH": "/nowhere"})
    assert done.returncode == 1
    text, script = done.output.split("\n\nwhat the scheduler 'slurm' is sent for it:\n")
    command = text.rsplit("\n", 1)[1]
    assert script.startswith("sbatch --parsable --time=00:20:00 < the script\n\n#!/bin/bash\n")
    assert "--cpus-per-task=3" in script
    assert all(shlex.quote(argument) in script for argument in shlex.split(command))
    assert "the command 'sbatch' is not there to be run" in script.splitlines()[-1]


def test_number_of_trials_at_once_is_the_engines_where_it_is_left_to_it(sweep):
    room = len(os.sched_getaffinity(0))
    done = sweep.run("x=interval(0,1)", "hydra.sweeper.n_jobs=auto", "hydra.sweeper.dry_run=true")
    assert f"20 trials, {room} at once" in done.output


PROJECT = "hydra.launcher.image=toy:1", "hydra.launcher.mounts=['type=bind,src={here},dst={here}']"
UNTESTED = "no study of ours has run on the scheduler"
DRY_RUNS = {
    "local_docker": (PROJECT, ["image: toy:1"]),
    "local_cwd": ((), []),
    "slurm": ((), ["the command 'sbatch' is not there to be run"]),
    "kubernetes": (
        (*PROJECT, "hydra.launcher.scheduler_args.queue=default"),
        ["kind: Job", "image: toy:1", "nothing says which cluster"],
    ),
    "kubernetes_mcad": (PROJECT, [UNTESTED, "kind: AppWrapper"]),
    "aws_batch": (PROJECT, [UNTESTED, "hydra.launcher.scheduler_args.queue is required by the scheduler 'aws_batch'"]),
    "aws_sagemaker": (PROJECT, [UNTESTED, "no trial could return its result without hydra.launcher.results_url"]),
    "gcp_batch": (PROJECT, [UNTESTED, "no trial could return its result without hydra.launcher.results_url"]),
    "ray": (("hydra.launcher.scheduler_args.address=127.0.0.1:1",), ["'num_cpus': 1", "hydra.launcher.scheduler"]),
    "lsf": (PROJECT, [UNTESTED, "bsub -P"]),
}
"""By scheduler: settings, and what a dry run shows of its request, or says is missing."""


@pytest.mark.parametrize(
    "scheduler",
    [
        pytest.param(name, marks=pytest.mark.long if UNTESTED in shown else ())
        for name, (_, shown) in DRY_RUNS.items()
        if name in {*DEFAULT_SCHEDULER_MODULES, "ray"}
    ],
)
def test_request_to_each_engine_is_shown_or_what_is_missing(sweep, scheduler, tmp_path):
    settings, shown = DRY_RUNS[scheduler]
    settings = [text.format(here=tmp_path) for text in settings]
    env = {"PATH": "/nowhere", "KUBECONFIG": "/nowhere", "DOCKER_HOST": "tcp://127.0.0.1:1"}
    done = sweep.run(
        "x=interval(0,1)", f"hydra.launcher.scheduler={scheduler}", *settings, "hydra.sweeper.dry_run=true", env=env
    )
    assert all(text in done.output for text in shown), done.output
    assert "the first trial's command:" in done.output and "Traceback" not in done.output
    assert not sweep.dir.exists()


def test_each_scheduler_of_torchx_is_tried():
    assert {*DRY_RUNS} >= {*DEFAULT_SCHEDULER_MODULES}


EXPERIMENT = """
# @package _global_
defaults: [{override /hydra/sweeper: ax_mo}]
hydra:
  sweeper: {objectives: {loss: minimize}, dry_run: true, params: {x: "interval(0, 1)", y: [1, 2]}}
"""
APP = """
import hydra
hydra.main(version_base="1.3", config_path="conf", config_name="config")(lambda config: config.x)()
"""


def test_slips_in_an_experiment_file_are_told_with_what_to_write(tmp_path: Path) -> None:
    files = {
        "train.py": APP,
        "conf/config.yaml": "defaults: [{model: mlp}, _self_]\nx: 0.5\ny: 1\n",
        "conf/model/mlp.yaml": "width: 1\n",
        "conf/model/cnn.yaml": "channels: 1\n",
        "conf/experiment/list.yaml": EXPERIMENT,
        "conf/experiment/unsearched.yaml": EXPERIMENT.replace("y: [1, 2]", 'model.channels: "1,2"'),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = run([sys.executable, "train.py", "-m", "+experiment=list"], cwd=tmp_path)
    assert "\nnote: hydra.sweeper.params.y: [1,2] is one value, a list" in done.output
    done = run([sys.executable, "train.py", "-m", "+experiment=unsearched"], cwd=tmp_path)
    assert "has the key 'model.channels' with model=cnn only" in done.output
