"""How this process was started, so that each trial can be: its command line as Hydra parsed it."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from ax_mo.errors import NotRerunnableError
from ax_mo.hydra_project.compat import flags_parser
from ax_mo.hydra_project.program import Program, split_argv
from ax_mo.hydra_project.start import start_of

# The sweep's own part of a command line; everything else of Hydra's is passed on to the trials.
_SWEEP_ONLY = (
    "hydra/sweeper",
    "hydra.sweeper",
    "hydra/launcher",
    "hydra.launcher",
    "hydra.mode",
    "hydra.sweep.",
    "hydra.run.dir",
    "hydra.job.num",
    "hydra.job.id",
)


def this_program(task_overrides: Sequence[str], hydra_overrides: Sequence[str]) -> Program:
    """How to start this program again. Raises NotRerunnableError for one that cannot be.

    ``task_overrides`` and ``hydra_overrides`` are what Hydra was given; unless the command line says the same, this
    is a program in which something else calls Hydra.
    """
    prefix, arguments = split_argv(sys.orig_argv)
    parsed, typed = parse_arguments(sys.argv[1:]), parse_arguments(arguments)
    from_stdin = "-" in prefix
    in_notebook = Path(sys.argv[0]).name.startswith(("ipykernel", "colab_kernel")) or "ipykernel" in sys.modules
    given = _without_mode([*task_overrides, *hydra_overrides])
    if from_stdin or in_notebook or parsed is None or typed is None or _without_mode(_expanded(parsed)) != given:
        raise NotRerunnableError(
            "The torchx launcher runs each job by starting this program's command again, and this program cannot be "
            "started that way: Hydra was not called from its command line (a notebook, or a task inside another "
            "program). Use hydra/launcher=basic or hydra/launcher=joblib instead."
        )
    # A script that edits sys.argv will do so again in the trial, and may add "-m" there: then the trial needs the
    # same sweeper and launcher, which run the one job in place.
    edited = list(arguments) != sys.argv[1:]
    dropped = tuple(p for p in _SWEEP_ONLY if not (edited and p in ("hydra/sweeper", "hydra/launcher")))
    of_hydra = [line for line in _expanded(typed) if line.lstrip("+~").startswith(("hydra.", "hydra/"))]
    kept = tuple(line for line in of_hydra if not line.lstrip("+~").startswith(dropped))
    absolute, cwd = start_of(prefix[-1])
    words = (sys.orig_argv[0], *prefix[1:], *arguments)
    return Program(tuple(prefix), tuple(config_flags(typed)), kept, words, cwd, absolute)


def parse_arguments(arguments: Sequence[str]) -> Namespace | None:
    """A program's arguments as Hydra reads them; None where it would refuse them."""
    parser = flags_parser()
    try:
        # Hydra 1.4 takes overrides before and after flags; 1.3 has refused such a line before it comes to us.
        known, unknown = parser.parse_known_intermixed_args(list(arguments))
    except SystemExit:
        return None
    return None if unknown else known


def _expanded(parsed: Namespace) -> list[str]:
    """The overrides as Hydra hands them to a sweeper: from 1.4 on, ``hydra.aliases`` are replaced by what they mean."""
    hydra = GlobalHydra.instance().hydra
    aliases_of = getattr(hydra.config_loader if hydra else None, "get_override_aliases", None)
    if aliases_of is None or not HydraConfig.initialized():
        return list(parsed.overrides)
    aliases = aliases_of(HydraConfig.get().job.config_name)
    return [aliases.expand(line) for line in parsed.overrides]


def config_flags(parsed: Namespace) -> list[str]:
    """Hydra's flags that belong to a trial too: where its configs are."""
    flags: list[str] = []
    for name in ("config_path", "config_name", "config_dir"):
        value = getattr(parsed, name, None)
        if value is not None:
            flags += [
                f"--{name.replace('_', '-')}",
                os.path.abspath(value) if name == "config_dir" else value,  # noqa: PTH100
            ]
    return flags


def _without_mode(overrides: Sequence[str]) -> list[str]:
    return sorted(line for line in overrides if not line.startswith("hydra.mode="))
