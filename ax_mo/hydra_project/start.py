"""Where this process was started and with which file, whatever the program has done since: many change directory first.

Nothing of ours runs before the program, but Python itself has noted both: the script's absolute path, and the directory
that ``-m`` puts at the head of ``sys.path``. Imports nothing but the standard library.
"""

import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path


def start_of(program: str) -> tuple[str, Path]:
    """The program as it can be named from anywhere, and the directory that it was started in.

    ``program`` is what named it on the command line: a script, a module or code. For an absolute script, such as a
    console script, nothing tells where it was started, and it needs to be nowhere: the current directory will do.
    """
    here, main = Path.cwd(), sys.modules.get("__main__")
    file, spec = getattr(main, "__file__", None) or "", getattr(main, "__spec__", None)
    module = spec if isinstance(spec, ModuleSpec) and spec.name != "__main__" else None
    if module is None and spec is not None:  # a directory or an archive
        file = file.removesuffix(f"{os.sep}__main__.py")
    end = os.sep + program
    if file.endswith(end):  # Python writes the current directory before the name, and changes nothing else
        directory = Path(file.removesuffix(end) or os.sep)
        return (file, directory) if directory.is_dir() and directory != here else (program, here)
    if module is not None and module.origin and not sys.flags.safe_path:
        return program, _head_of_path(Path(module.origin).parents[module.name.count(".")], here)
    return program, here


def _head_of_path(root: Path, here: Path) -> Path:
    """The directory that ``python -m`` was started in; ``root`` is where it found its module.

    It stands before PYTHONPATH and the standard library, and what the program has inserted since mostly before it.
    Where this does not decide, the module is found from anywhere: the current directory will do.
    """
    library = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    path = [str(entry) for entry in sys.path]  # programs insert Path objects, too
    at = next((n for n, entry in enumerate(path) if entry.endswith(os.sep + library)), 0)
    if not sys.flags.ignore_environment and os.environ.get("PYTHONPATH"):
        at -= len(set(os.environ["PYTHONPATH"].split(os.pathsep)))
    ahead, behind = path[: max(at, 0)], path[max(at, 0) :]
    if str(root) in ahead and str(root) not in behind:  # nowhere else could it have found the module
        return root
    if str(here) in ahead or not ahead or not Path(ahead[-1]).is_dir():
        return here
    return Path(ahead[-1])
