"""Each example of ``docs/how_to/extending.md`` works as the page says, in a real sweep."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.trial.metric_sources.settings import parse_metric_sources
from tests.extending.conftest import PAGE, ExampleSweep
from tests.support.sweeps import APPS

Example = Callable[[str], ExampleSweep]


def test_example_fits_on_a_screen() -> None:
    for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        assert len(code.splitlines()) <= 40, code


def test_metric_source(example: Example) -> None:
    sweep = example("A metric source")
    sweep.completed("leaves=model.bin")
    assert [float(trial["metrics.model_size"]) for trial in sweep.trials()] == [0.008, 0.008]
    assert sweep.result(0)["sources"]["model_size"] == "file_size"
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.metrics\.size\.unit: 'gb' is not known"):
        parse_metric_sources({"size": {"source": "file_size", "path": "x", "unit": "gb"}})


def test_tracker(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sweep = example("A tracker")
    for count in (1, 2):
        done = sweep.completed("hydra.sweeper.method=random_search", trials=count)
        assert "ax_mo: study_log:" not in done.output
    lines = [json.loads(line) for line in (tmp_path / "studies.jsonl").read_text().splitlines()]
    assert [line.get("trial", line.get("state")) for line in lines] == [0, "finished", 1, "finished"]
    assert {"loss", "size"} <= lines[0]["metrics"].keys() and lines[0]["params"].keys() == {"x"}
    assert lines[-1]["front"] == [solution["trial"] for solution in sweep.solutions()]
    assert len({line["study"] for line in lines}) == 1


def test_runner_runs_the_trials(example: Example) -> None:
    sweep = example("A runner")
    sweep.completed()
    with sweep.database() as connection:
        handles = [handle for (handle,) in connection.execute("select handle from ax_mo_trial")]
    assert all(handle.startswith("children://") for handle in handles)


def test_stopping_rule(example: Example) -> None:
    sweep = example("A stopping rule")
    sweep.script = APPS / "curves" / "task.py"
    points = [(0.8, 40), (0.5, 5), (0.9, 90), (0.2, 60)]
    named = ",".join(f"{{quality: {quality}, size: {size}}}" for quality, size in points)
    done = sweep.run(
        "quality=interval(0.1,0.9)", "size=range(1,101)", "hydra.sweeper.start_from_config=false",
        f"hydra.sweeper.initial_trials=[{named}]", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=1",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3 + ["early_stopped"], done.output
    assert re.fullmatch(r"acc 0\.\d+ at step \d is the worst of 4 trials", sweep.trials()[3]["reason"])


def test_optimizer_suggests_points_and_goes_on_after_a_resume(example: Example) -> None:
    sweep = example("An optimizer")
    for trials in (4, 6):
        sweep.completed("y=interval(0,1)", "hydra.sweeper.n_jobs=1", "hydra.sweeper.seed=1", trials=trials)
    generators = [trial["generator"] for trial in sweep.trials()]
    assert generators[:3] == ["config", "sobol", "sobol"] and "mutation" in generators[4:]
    assert len({(trial["params.x"], trial["params.y"]) for trial in sweep.trials()}) == 6
