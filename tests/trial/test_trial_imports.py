"""What runs inside the user's training process costs next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

from ax_mo.trial import current

_HEAVY = (
    "heavy = {'ax', 'botorch', 'gpytorch', 'torch', 'torchx', 'sqlalchemy', 'lightning', 'pytorch_lightning', 'numpy', "
    "'tensorboard', 'hydra', 'omegaconf', 'logging'}; print(*sorted(heavy & set(sys.modules) - before))"
)


def cost(first: str, then: str, **environment: str) -> float:
    """Milliseconds of CPU that ``then`` takes in a process of its own after ``first``; it must import nothing heavy."""
    code = (
        f"import sys, time; {first}; before = set(sys.modules); start = time.process_time(); {then}; "
        f"print(1000 * (time.process_time() - start)); {_HEAVY}"
    )
    costs: list[float] = []
    for _ in range(3):  # the best of three: this machine may be busy
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
        )
        milliseconds, heavy = done.stdout.split("\n")[:2]
        assert heavy == ""
        costs.append(float(milliseconds))
    print(f"{then}: {min(costs):.1f} ms")
    return min(costs)


def test_recorder_imports_nothing_heavy_and_costs_milliseconds() -> None:
    assert cost("import hydra", "import ax_mo.trial.files, ax_mo.trial.numbers, ax_mo.trial.recorder") < 100


def test_importing_the_package_costs_less_than_30_ms() -> None:
    assert cost("pass", "import ax_mo") < 30


def test_lightnings_entry_points_cost_less_than_5_ms_outside_a_trial() -> None:
    # Whoever has a Trainer has these already.
    common = "import os, typing, pathlib, importlib.metadata"
    for name in ("lightning_callbacks", "pytorch_lightning_callbacks"):
        code = f"from ax_mo.trial.lightning import {name}; assert {name}() == []"
        assert cost(common, code) < 5


def test_entry_points_are_those_that_lightning_loads() -> None:
    from importlib.metadata import entry_points

    for package in ("pytorch_lightning", "lightning.pytorch"):
        (entry,) = [entry for entry in entry_points(group=f"{package}.callbacks_factory") if entry.name == "ax_mo"]
        assert entry.load()() == []


def test_public_names_can_be_listed_and_misspelled_ones_are_refused() -> None:
    import ax_mo

    assert {"report", "should_stop"} <= set(dir(ax_mo))
    assert not hasattr(ax_mo, "reprot")
    assert Path(ax_mo.report.__code__.co_filename).name == "reporting.py"


def test_callback_of_one_lightning_imports_nothing_of_the_other() -> None:
    for package, other in (("lightning.pytorch", "pytorch_lightning"), ("pytorch_lightning", "lightning")):
        code = (
            f"import sys, types; from ax_mo.trial.lightning import {package.split('.')[0]}_callbacks as callbacks; "
            f"sys.modules[{package!r}] = types.SimpleNamespace(Callback=type('Callback', (), {{}})); "
            f"(ours,) = callbacks(); assert not {{{other!r}, 'torch'}} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, current.DIRECTORY: "/trial"})
