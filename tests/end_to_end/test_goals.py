"""Goals other than up and down, and a strategy of the user's own, in real sweeps."""

import re

from tests.support.sweeps import ROOT, Sweep

PAGE = ROOT / "docs" / "how_to" / "goals.md"
SPACE = ("x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.seed=1", "hydra.sweeper.n_jobs=1")


def test_strategy_of_the_page_makes_the_points(sweep: Sweep) -> None:
    (code,) = re.findall(r"^```python\n(# strategies.py.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (sweep.project / "strategies.py").write_text(code)
    done = sweep.run(*SPACE, "hydra.sweeper.generation_strategy=strategies:make", "hydra.sweeper.n_trials=5")
    assert done.returncode == 0, done.output
    generators = [trial["generator"] for trial in sweep.trials()]
    assert generators == ["config", "Start", "Start", "Start", "BoTorch"], done.output
