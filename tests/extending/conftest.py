"""The examples of ``docs/how_to/extending.md``, installed as packages and ready for a sweep of the toy app."""

import importlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sweeps import ROOT, Finished, Sweep

PAGE = ROOT / "docs" / "how_to" / "extending.md"


class ExampleSweep(Sweep):
    """A sweep of the toy app with one example's package on its path and the settings that the page shows for it."""

    def __init__(self, tmp_path: Path, section: str) -> None:
        super().__init__(tmp_path)
        blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```", _section(section), re.MULTILINE | re.DOTALL))
        self.site = tmp_path / "site-packages"
        (module,) = re.findall(r"\A# (\w+)\.py\n", blocks["python"])
        information = self.site / f"{module}-1.dist-info"
        information.mkdir(parents=True)
        (self.site / f"{module}.py").write_text(blocks["python"])
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        groups = tomllib.loads(blocks["toml"])["project"]["entry-points"]
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in parts.items()) for group, parts in groups.items()]
        (information / "entry_points.txt").write_text("".join(lines))
        self.settings = tmp_path / "settings"
        (self.settings / "example").mkdir(parents=True)
        (self.settings / "example" / "part.yaml").write_text(blocks["yaml"])

    def argv(self, *overrides: str) -> list[str]:
        """All that is asked for is in the page's experiment file."""
        return [
            sys.executable, str(self.script), "-m", "--config-dir", str(self.settings), "+example=part",
            f"hydra.sweep.dir={self.dir}", *overrides,
        ]  # fmt: skip

    def completed(self, *overrides: str, trials: int = 2) -> Finished:
        """Run it to its end with a few trials, which all complete."""
        done = self.run("x=interval(0,1)", f"hydra.sweeper.n_trials={trials}", *overrides)
        assert done.returncode == 0, done.output
        assert [trial["status"] for trial in self.trials()] == ["completed"] * trials, done.output
        return done


def _section(heading: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ExampleSweep]]:
    """``example("A metric source")``: the sweep with what the page's section of that heading shows."""

    def installed(section: str) -> ExampleSweep:
        sweep = ExampleSweep(tmp_path, section)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(sweep.site), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.syspath_prepend(str(sweep.site))
        return sweep

    before = set(sys.modules)
    yield installed
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()
