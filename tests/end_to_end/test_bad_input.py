"""Bad input is refused before any trial runs, by one message; which message is tested where it is made."""

import pytest

X = "x=interval(0,1)"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([X, "hydra.sweeper.n_trial=3"], "hydra.sweeper has no setting 'n_trial'. Did you mean 'n_trials'?"),
        ([X, "hydra.sweeper.n_trials=many"], "Value 'many' of type 'str' could not be converted to Integer"),
        ([X, "hydra.sweeper.storage=nonsense"], "is no SQLAlchemy URL"),
        (
            [X, "hydra.sweeper.n_jobs=auto", "hydra/launcher=basic"],
            "n_jobs=auto: another launcher than hydra/launcher=",
        ),
        ([X, "hydra.launcher.gpu=1.5"], "hydra.launcher.gpu=1.5: a job has whole GPUs, or a part of a single one."),
        ([X, "hydra.launcher.scheduler=slurm", "hydra.launcher.gpu=0.5"], "the scheduler 'slurm' gives whole GPUs"),
        ([X, "hydra.launcher.scheduler=kubernetes"], "hydra.launcher.image: the scheduler 'kubernetes'"),
    ],
)
def test_is_refused_in_one_message(sweep, overrides, message):
    done = sweep.run(*overrides)
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
