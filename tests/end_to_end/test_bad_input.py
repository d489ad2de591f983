"""Bad input is refused before any trial runs: one message that names the key and what would be right."""

import pytest

X = "x=interval(0,1)"
TWICE = ("hydra.sweeper.repeats=2",)


@pytest.mark.parametrize(
    ("overrides", "objectives", "message"),
    [
        ([X], "{}", "hydra.sweeper.objectives is empty"),
        ([X], "{loss: minimise}", "'minimise' is no direction; write maximize or minimize. Did you mean 'minimize'?"),
        ([], None, "hydra.sweeper.params is empty"),
        (["hydra.sweeper.params={model.widht: 'interval(0,1)'}"], None, "Did you mean 'model.width'?"),
        (["hydra.sweeper.params={model.widht: 'interval(0,1)'}"], None, "write '+model.widht'"),
        (["model=small,huge"], None, "has no option 'huge'; it has: large, small"),
        (["model=glob(no*)"], None, "The group has: large, small"),
        (["x=interval(1,0)"], None, "the lower bound 1.0 is not below the upper bound 0.0"),
        (["x=tag(log,interval(0,1))"], None, "a log scale needs a lower bound above 0"),
        (["hydra.sweeper.params={x: 'choice()'}"], None, "hydra.sweeper.params.x: the choice is empty"),
        (
            ["hydra.sweeper.params={x: 'choice(1)'}"],
            None,
            "holds 1 value(s); a search needs at least two. To fix it, write 'x: 1'",
        ),
        ([X, "hydra.sweeper.n_trials=0"], None, "hydra.sweeper.n_trials must be at least 1, not 0"),
        ([X, "hydra.sweeper.n_jobs=0"], None, "hydra.sweeper.n_jobs must be at least 1, not 0"),
        ([X, "hydra.sweeper.constraints=['x <= 1']"], None, "is a parameter, not a metric"),
        ([X, "hydra.sweeper.constraints=['loss <= 1']"], None, "write its limit as hydra.sweeper.objectives.loss.thr"),
        ([X, "hydra.sweeper.constraints=['seconds < 1']"], None, "only '<=' and '>=' are possible"),
        ([X, "hydra.sweeper.param_constraints=['z <= 1']"], None, "'z' in 'z <= 1' is not among the searched"),
        (["hydra.sweeper.params={hydra.verbose: 'choice(true,false)'}"], None, "Hydra's own settings cannot be"),
        (["hydra.sweeper.params={x: 'uniform(0, 1)'}"], None, "write interval(0, 1)"),
        (["hydra.sweeper.params={x: 'loguniform(1e-4, 1)'}"], None, "write tag(log, interval(1e-4, 1))"),
        ([X, "model=small", "hydra.sweeper.params={model.depth: 'range(1,4)'}"], None, "has no key 'model.depth'"),
        ([X, "hydra.sweeper.initial_trials=[{x: 2}]"], None, "initial_trials[0]: x=2 is above its upper bound 1"),
        (
            [X, "hydra.sweeper.initial_trials=[{}, {xx: 0.5}]"],
            None,
            "initial_trials[1]: 'xx' is not among the searched",
        ),
        ([X, "hydra.sweeper.repeats=0"], None, "hydra.sweeper.repeats must be at least 1, not 0"),
        ([X, *TWICE, "hydra.sweeper.repeat_key=sed"], None, "no key 'sed' with x=0.0. Did you mean 'seed'?"),
        ([X, *TWICE, "hydra.sweeper.repeat_key=x"], None, "repeat_key: 'x' is among the searched parameters"),
        (
            [X, *TWICE, "hydra.sweeper.repeat_key=mode"],
            None,
            "'mode' must hold a whole number or null, and holds 'fine'",
        ),
        ([X, "hydra.sweeper.warm_start=nowhere"], None, "holds no study.db. Name the sweep directory"),
        (
            [X, "hydra.sweeper.warm_start='postgresql://u:secret@h/db'"],
            None,
            "'postgresql://u:***@h/db' names no study",
        ),
        ([X, "hydra.sweeper.early_stopping={rule: dominatd}"], None, "Did you mean 'dominated'?"),
        ([X, "hydra.sweeper.early_stopping.rule=percentile"], None, "early_stopping.metric is missing"),
        ([X, "hydra.sweeper.early_stopping={rule: all, kk: 3}"], None, "early_stopping has no setting 'kk'"),
        ([X, "hydra.sweeper.stop_when={hypervolume_gain: 2}"], None, "stop_when.hypervolume_gain must be a share"),
        ([X, "hydra.sweeper.timeout_hours=0"], None, "hydra.sweeper.timeout_hours must be a number of hours above 0"),
        ([X, "hydra.sweeper.metrics={loss: {source: csw}}"], None, "metrics.loss.source: 'csw' is not known"),
        ([X, "hydra.sweeper.method=fats"], None, "Did you mean 'fast'?"),
        ([X, "hydra.launcher.scheduler=slurn"], None, "Did you mean 'slurm'?"),
        ([X, "hydra.launcher.scheduler=kubernetes"], None, "hydra.launcher.image: the scheduler 'kubernetes'"),
        ([X, "hydra.launcher.scheduler_args.tim=1"], None, "hydra.launcher.scheduler_args.tim: TorchX's scheduler"),
        ([X, "hydra.launcher.unknown_timeout=0"], None, "hydra.launcher.unknown_timeout must be above 0"),
        ([X, "hydra.launcher.gpu=2"], None, "hydra.launcher.gpu=2, but this machine shows 0 GPU(s)"),
        ([X, "hydra.sweeper.storage=nonsense"], None, "is no SQLAlchemy URL"),
        ([X, "hydra.sweeper.max_failure_rate=2"], None, "max_failure_rate must be between 0 and 1"),
        ([X, "hydra.sweeper.n_trial=3"], None, "n_trial"),
    ],
)
def test_is_refused_in_one_message(sweep, overrides, objectives, message):
    if objectives is not None:
        sweep.objectives = objectives
    done = sweep.run(*overrides, env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 1
    assert message in done.output
    assert "Traceback" not in done.output
    assert not (sweep.dir / "0").exists()
    assert not (sweep.dir / "trials.csv").exists()


def test_option_that_does_not_compose_is_named_with_hydras_reason(sweep):
    (sweep.project / "conf" / "model" / "broken.yaml").write_text("defaults:\n  - nowhere\nwidth: 1\n")
    done = sweep.run("model=glob(*)")
    assert done.returncode == 1
    assert "the option 'broken' does not compose" in done.output
    assert "nowhere" in done.output
    assert "Traceback" not in done.output
