"""``hydra.sweeper.dry_run=true`` says what a study would do, and does nothing."""

import shlex

import yaml

from .conftest import run

SPACE = ("model=small,large", "hydra.sweeper.params={model.depth: 'range(1,4)'}", "x=interval(0,1)", "y=0,'1'")
PATHS = ("hydra.sweep.subdir=run_${hydra.job.num}", "hydra.sweeper.repeats=2", "hydra.verbose=false")


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
        "objective  goal      threshold\n"
        "loss       maximize\n"
        "size       minimize  100\n\n"
        "constraints: seconds <= 9\n\n"
        "note: hydra.sweeper.objectives.loss: maximize looks wrong for something named 'loss'; did you mean minimize?\n"
        "\n"
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
