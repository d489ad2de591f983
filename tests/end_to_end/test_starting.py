"""Where a study starts: the project's own configuration, trials that the user names, and earlier studies."""

import shlex

import pytest
import yaml

from tests.support.sweeps import Sweep, run

SPACE = ("x=interval(0,1)", "model=small,large", "hydra.sweeper.seed=1")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A finished study of three trials: the project's own configuration, and two that were named."""
    sweep = Sweep(tmp_path_factory.mktemp("earlier"))
    sweep.objectives = "{loss: {goal: minimize, threshold: 3}, size: minimize}"
    initial = "[{model: large, x: 0.25}, {model: small, x: 0.5}, {x: 0.875}]"
    done = sweep.run(
        *SPACE, f"hydra.sweeper.initial_trials={initial}", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1"
    )
    assert done.returncode == 0, done.output
    sweep.output = done.output
    return sweep


def test_projects_configuration_comes_first_then_the_named_trials_each_once(earlier):
    trials = earlier.trials()
    assert [(t["generator"], t["params.model"], float(t["params.x"])) for t in trials] == [
        ("config", "small", 0.5),
        ("initial", "large", 0.25),
        ("initial", "small", 0.875),  # the second one named is the configuration itself
    ]
    assert f"The project's own configuration, trial 0: {values_of_own(earlier)}" in earlier.output
    config = yaml.safe_load((earlier.dir / "1" / ".hydra" / "config.yaml").read_text())
    assert config["model"] == {"name": "large", "width": 64, "depth": 3} and config["x"] == 0.25


def values_of_own(sweep):
    loss, size = (float(sweep.trials()[0][f"metrics.{name}"]) for name in ("loss", "size"))
    return f"loss={loss:.6g}  size={size:.6g}"


def test_earlier_study_is_data_of_a_new_one(sweep, earlier):
    options = (
        "x=interval(0,0.6)", "y=interval(0,1)", f"hydra.sweeper.warm_start=[{earlier.dir}]", "model=small,large",
        "hydra.sweeper.seed=1", "hydra.sweeper.n_jobs=1",
    )  # fmt: skip
    dry = sweep.run(*options, "hydra.sweeper.dry_run=true")
    assert dry.returncode == 0 and not sweep.dir.exists(), dry.output
    done = sweep.run(*options, "hydra.sweeper.n_trials=1")
    assert done.returncode == 0, done.output
    command = (sweep.dir / "0" / "command.sh").read_text().splitlines()[-1].removeprefix("exec ")
    assert dry.output.rstrip().splitlines()[-1] == command, "what is imported counts for the first trial, too"
    assert f"2 trial(s) imported from {earlier.dir}; 1 left out: x is above its upper bound 0.6\n" in done.output
    trials = sweep.trials()
    assert [(t["trial"], t["status"], t["params.model"], t["params.x"], t["params.y"]) for t in trials[:2]] == [
        ("-2", "imported", "large", "0.25", "0.0"),
        ("-1", "imported", "small", "0.5", "0.0"),
    ]
    assert [t["dir"] for t in trials[:2]] == [str(earlier.dir / "1"), str(earlier.dir / "0")]
    # The imported trials are the project's configuration and more: n_trials counts none of them, and none runs again.
    (own,) = trials[2:]
    assert (own["trial"], own["status"], own["generator"]) == ("0", "completed", "sobol")
    assert "1 completed, 0 failed of 1 trials" in done.output
    assert f"The project's own configuration, trial imported 1: {values_of_own(earlier)}" in done.output
    assert sorted(path.name for path in sweep.dir.iterdir() if path.name.isdigit()) == ["0"]
    by_trial = {solution["trial"]: solution for solution in sweep.solutions()}
    assert by_trial[-2]["imported"] is True and by_trial[-2]["dir"] == str(earlier.dir / "1")
    assert by_trial[-2]["values"] == {"loss": pytest.approx(0.0025), "size": 80.0}
    table = done.output.split("Pareto front: ")[1].splitlines()
    assert table[0].startswith(f"{len(by_trial)} of 3 trials, ")
    assert any(line.strip().startswith("imported 2 ") for line in table)
    assert (sweep.dir / "pareto" / "imported_2.yaml").exists()

    line = next(line for line in done.output.splitlines() if line.startswith("Run a point again: "))
    *argv, name = shlex.split(line.removeprefix("Run a point again: "))
    assert name.startswith("+pareto=imported_")
    again = sweep.tmp_path / "again"
    assert run([*argv, "+pareto=imported_2", f"hydra.run.dir={again}"], cwd=sweep.tmp_path).returncode == 0
    assert (again / ".hydra" / "config.yaml").read_text() == (earlier.dir / "1/.hydra/config.yaml").read_text()

    more = sweep.run(*options, "hydra.sweeper.n_trials=2")
    assert more.returncode == 0, more.output
    assert [t["trial"] for t in sweep.trials()] == ["-2", "-1", "0", "1"]
    assert sweep.trials()[:3] == trials


@pytest.mark.long
def test_trials_that_would_run_otherwise_are_imported_only_if_that_is_ignored(sweep):
    options = (
        "x=interval(0,1)", "+out=${hydra:runtime.output_dir}/${now:%f}", "+twice=${x}",
        "hydra.sweeper.seed=1", "hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1",
    )  # fmt: skip
    first = sweep.run(*options, "+trainer.max_epochs=1", "seed=3")
    assert first.returncode == 0, first.output
    earlier = sweep.dir

    def warm_started(name, imported, *overrides):
        sweep.dir = sweep.tmp_path / name
        done = sweep.run(*options, "+trainer.max_epochs=2", *overrides)
        assert done.returncode == 0, done.output
        assert f"{imported} trial(s) imported from {earlier}; " in done.output
        return [trial["status"] for trial in sweep.trials()], done.output

    statuses, output = warm_started("strict", 0, f"hydra.sweeper.warm_start=[{earlier}]")
    assert statuses == ["completed"]
    assert "1 left out: trainer.max_epochs was 1 there and is 2 here\n" in output
    (way_out,) = [line for line in output.splitlines() if "let it pass" in line]
    assert way_out.endswith(f"hydra.sweeper.warm_start: [{{from: {earlier}, ignore: [trainer.max_epochs]}}]")

    entry = way_out.split("warm_start: ")[1].replace(": ", ":")
    statuses, output = warm_started("ignoring", 1, "seed=4", f"hydra.sweeper.warm_start={entry}")
    assert statuses == ["imported", "completed"]
    assert "ignored in 1: trainer.max_epochs was 1 there and is 2 here\n" in output


def test_sweep_that_is_a_worker_of_something_else_has_trials_of_their_own_rank(sweep):
    # One sweep per task of an srun, or in a worker's pod: its trials inherit the variables and are nobody's rank 1.
    done = sweep.run("x=0.1", "y=interval(0,1)", "hydra.sweeper.n_trials=2", env={"RANK": "1", "LOCAL_RANK": "1"})
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 2


def test_trials_have_the_gpus_that_their_own_configuration_names(sweep):
    options = ("seed=1,2,auto,-1", "hydra.launcher.gpu=${seed}", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2")
    done = sweep.run(*options, "hydra.sweeper.max_failure_rate=1", env={"CUDA_VISIBLE_DEVICES": "3,5"})
    assert done.returncode == 0, done.output
    trials = {trial["params.seed"]: trial for trial in sweep.trials()}
    given = {seed: (sweep.dir / trials[seed]["dir"] / ".gpus").read_text() for seed in "12"}
    assert len(given["1"]) == 1 and given["2"] == "3,5"
    assert "Value 'auto' of type 'str' could not be converted to Float" in trials["auto"]["reason"]
    assert "hydra.launcher.gpu must be at least 0, not -1" in trials["-1"]["reason"]
