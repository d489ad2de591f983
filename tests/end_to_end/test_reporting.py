"""A training loop of any kind that reports its metrics, through every launcher."""

import pytest

from ax_mo.trial.curve import read_curve
from tests.support.curves import values
from tests.support.sweeps import BUILT_IN

PROJECT = """\
import hydra

import ax_mo


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    for epoch in range(3):
        ax_mo.report(epoch, {"val/loss": (cfg.x - 0.3) ** 2 / (epoch + 1)}, size=cfg.x)
        if ax_mo.should_stop():
            break
    return 17.0


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("launcher", ["torchx", "basic", pytest.param("joblib", marks=pytest.mark.long)])
def test_trials_that_return_something_else_have_what_they_reported(sweep, launcher):
    sweep.script.write_text(PROJECT)
    sweep.objectives = "{val/loss: minimize, size: minimize}"
    done = sweep.run(
        "+x=interval(0,1)", f"hydra/launcher={launcher}", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2"
    )
    assert done.returncode == 0, done.output
    for number, trial in enumerate(sweep.trials()):
        x = float(trial["params.+x"])
        assert float(trial["metrics.val/loss"]) == pytest.approx((x - 0.3) ** 2 / 3)
        assert sweep.result(number)["sources"] == {
            **dict.fromkeys(["val/loss", "size"], "reported"), **dict.fromkeys(BUILT_IN, "built-in"),
        }  # fmt: skip
        curve = read_curve(sweep.dir / str(number))
        assert values(curve, "size") == pytest.approx({0: x, 1: x, 2: x})
        assert curve.dropped == 0


def test_metrics_are_read_from_where_the_sweep_says(sweep):
    sweep.script.write_text(PROJECT)
    sweep.objectives = "{worst: minimize}"
    source = "{worst: {source: curve, tag: val/loss, take: max}}"
    done = sweep.run("+x=interval(0,1)", "hydra.sweeper.n_trials=1", f"hydra.sweeper.metrics={source}")
    assert done.returncode == 0, done.output
    for number, trial in enumerate(sweep.trials()):
        assert float(trial["metrics.worst"]) == pytest.approx((float(trial["params.+x"]) - 0.3) ** 2)
        assert sweep.result(number)["sources"]["worst"] == "curve"
        assert "the task returned 17 for 'worst'" in (sweep.dir / str(number) / "toy.log").read_text()
    assert done.output.count("the task returned 17 for 'worst'") == 1


def test_metric_that_appears_nowhere_fails_its_trial_with_the_names_that_were_seen(sweep):
    sweep.script.write_text(PROJECT)
    sweep.objectives = "{val/los: minimize, size: minimize}"
    done = sweep.run("+x=interval(0,1)", "hydra.sweeper.n_trials=1")
    (trial,) = sweep.trials()
    assert (trial["status"], done.returncode) == ("failed", 1)
    for part in ("'val/los' appeared nowhere", "reported: val/loss, size", "Did you mean 'val/loss'?"):
        assert part in trial["reason"]
        assert part in done.output
