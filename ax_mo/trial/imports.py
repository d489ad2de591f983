"""What a trial has imported of the installed libraries, for the process from which later trials are forked.

The project's own modules are none of that: they may be edited while a study runs.
"""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ax_mo.trial.files import IMPORTS, write_json

_LIBRARIES = ("site-packages", "dist-packages")
# Hydra executes these anew in every process, whether they are imported or not.
_HYDRAS = ("hydra_plugins.", "hydra._internal.core_plugins.")


def report_imports(directory: Path, task: Any) -> None:
    """Replace the file by which the sweep asks for it by the answer; nothing where it does not ask. Raises OSError.

    ``task`` is the function that Hydra has called, whose package is the project's wherever it lies.
    """
    if (directory / IMPORTS).exists():
        write_json(directory / IMPORTS, imports_of_this_process(_top(getattr(task, "__module__", None) or "")))


def imports_of_this_process(project: str) -> dict[str, list[str]]:
    """``modules`` of libraries by name, in the order of their import; ``own``, top-level modules that are none of them.

    ``environment`` names the variables that the process has changed since its start; their values are nobody's.
    """
    found = list(_modules_with_files())
    own = {_top(name) for name, file in found if not (_is_library(file) or _is_standard(file))}
    own |= {project} - {"", "__main__"}
    of_libraries = [name for name, file in found if _is_library(file) and _top(name) not in own]
    return {
        "modules": [name for name in of_libraries if not name.startswith(_HYDRAS)],
        "own": sorted(own),
        "environment": sorted(_changed_variables()),
    }


def _modules_with_files() -> Iterator[tuple[str, str]]:
    for name, module in list(sys.modules.items()):
        try:
            file = vars(module).get("__file__")  # getattr may import more
        except TypeError:  # whatever stands there in a module's place
            continue
        if isinstance(file, str) and "__main__" not in name and "__mp_main__" not in name:
            yield name, file


def _is_library(file: str) -> bool:
    """Whether the file lies among the installed packages, and is no link out of there, as an editable one may be."""
    directory = _real(os.path.dirname(file))  # noqa: PTH120  thousands of them
    return any(directory.startswith(library) for library in _libraries()) and not os.path.islink(file)  # noqa: PTH114


def _is_standard(file: str) -> bool:
    return _real(os.path.dirname(file)).startswith(_real(os.path.dirname(os.__file__)))  # noqa: PTH120


@cache
def _libraries() -> tuple[str, ...]:
    return tuple(_real(entry) for entry in map(str, sys.path) if entry.rstrip(os.sep).endswith(_LIBRARIES))


@cache
def _real(directory: str) -> str:
    return os.path.realpath(directory) + os.sep


def _top(name: str) -> str:
    return name.partition(".")[0]


def _changed_variables() -> Iterator[str]:
    began = {}
    for entry in Path("/proc/self/environ").read_bytes().split(b"\0"):
        name, _, value = entry.partition(b"=")
        began[name] = value
    for name in began.keys() | os.environb.keys():
        if name and began.get(name) != os.environb.get(name):
            yield os.fsdecode(name)
