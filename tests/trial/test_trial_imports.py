"""What runs inside the user's training process costs next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ax_mo.trial import current

_HEAVY = (
    "heavy = {'ax', 'botorch', 'gpytorch', 'torch', 'torchx', 'sqlalchemy', 'lightning', 'pytorch_lightning', 'numpy', "
    "'tensorboard', 'hydra', 'omegaconf', 'logging'}; print(*sorted(heavy & set(sys.modules) - before))"
)


def costs_less(limit: float, first: str, then: str) -> bool:
    """Whether ``then`` takes so few milliseconds of CPU after ``first``; it must import nothing heavy."""
    code = (
        f"import sys, time; {first}; before = set(sys.modules); start = time.process_time(); {then}; "
        f"print(1000 * (time.process_time() - start)); {_HEAVY}"
    )
    for _ in range(3):  # this machine may be busy
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        milliseconds, heavy = done.stdout.split("\n")[:2]
        assert heavy == ""
        if float(milliseconds) < limit:
            return True
    return False


@pytest.mark.parametrize(
    ("limit", "first", "then"),
    [
        (100, "import hydra", "import ax_mo.trial.recorder"),
        (30, "pass", "import ax_mo"),
        # Whoever has a Trainer has these already.
        (5, "import os, typing, pathlib, importlib.metadata",
         "from ax_mo.trial.lightning import lightning_callbacks as ours; assert ours() == []"),
    ],
)  # fmt: skip
def test_what_is_imported_in_a_trial_costs_milliseconds(limit: float, first: str, then: str) -> None:
    assert costs_less(limit, first, then)


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
