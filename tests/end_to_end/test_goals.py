"""Goals other than up and down, and a strategy of the user's own, in real sweeps."""

import math
import re

import pytest

from tests.support.sweeps import ROOT, Sweep

PAGE = ROOT / "docs" / "how_to" / "goals.md"
SPACE = ("x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.seed=1", "hydra.sweeper.n_jobs=1")


@pytest.mark.long
def test_strategy_of_the_page_makes_the_points(sweep: Sweep) -> None:
    (code,) = re.findall(r"^```python\n(# strategies.py.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (sweep.project / "strategies.py").write_text(code)
    done = sweep.run(*SPACE, "hydra.sweeper.generation_strategy=strategies:make", "hydra.sweeper.n_trials=4")
    assert done.returncode == 0, done.output
    generators = [trial["generator"] for trial in sweep.trials()]
    assert generators == ["config", "Start", "Start", "Start"], done.output


@pytest.mark.long
def test_scalarized_metric_is_one_of_every_trial(sweep: Sweep) -> None:
    given = [part for part in sweep.argv() if "objectives" not in part]
    given += [*SPACE, "hydra.sweeper.method=random_search", "model.width=choice(0,4,8)", "hydra.sweeper.n_trials=3"]
    given += ['hydra.sweeper.scalarize="2*loss - 0.5*log(size)"', "hydra.sweeper.max_same_failures=0"]
    given += ["hydra.sweeper.initial_trials=[{x: 0, y: 0, model.width: 0}]", "hydra.sweeper.max_failure_rate=1"]
    done = sweep.run(argv=given)
    assert done.returncode == 0, done.output
    first, failed, *others = sweep.trials()
    for trial in (first, *others):
        loss, size, made = (float(trial[f"metrics.{name}"]) for name in ("loss", "size", "scalarized"))
        assert made == pytest.approx(2 * loss - 0.5 * math.log(size))
    assert failed["status"] == "failed"
    assert failed["reason"].startswith("the metric 'scalarized': 2*loss - 0.5*log(size) has log() of 0, which is not")
    (solution,) = sweep.solutions()
    assert float(solution["values"]["scalarized"]) == max(float(t["metrics.scalarized"]) for t in (first, *others))
    assert "ax_mo: scalarized up = 2*loss - 0.5*log(size)" in done.output
    again = sweep.run(argv=[part.replace("2*loss", "3*loss") for part in given])
    assert again.returncode == 1 and "is not what this study was started with" in again.output


def test_target_is_a_goal(sweep: Sweep) -> None:
    sweep.objectives = "{size: {goal: 10, tolerance: 2}, loss: minimize}"
    done = sweep.run(
        *SPACE, "hydra.sweeper.n_trials=4", "hydra.sweeper.method=random_search", "model.width=choice(7,8)"
    )
    assert done.returncode == 0, done.output
    assert "ax_mo: size near 10 (tolerance 2), loss down" in done.output and "Warning" not in done.output
    near = [abs(float(trial["metrics.size"]) - 10) <= 2 for trial in sweep.trials()]
    meets = {solution["trial"]: solution["meets_thresholds"] for solution in sweep.solutions()}
    assert meets == {number: near[number] for number in meets} and any(near), sweep.trials()
