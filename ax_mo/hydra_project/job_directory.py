"""The directory of a job before it starts: its specification, its ``command.sh``, and nothing of an earlier attempt."""

import os
import shlex
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_mo.trial.files import (
    COMMAND,
    OF_A_TRIAL,
    OF_AN_ATTEMPT,
    SCHEMA,
    SPEC,
    STDERR,
    STDOUT,
    remove,
    remove_unfinished,
    remove_unless_file,
    write_atomically,
    write_json,
)
from ax_mo.trial.metric_sources.files import sizes_of_logs


def prepare_directory(directory: Path, spec: dict[str, Any], argv: Sequence[str], cwd: Path, title: str) -> None:
    """Write what a job and its reader need; remove what an earlier attempt left. ``argv`` may be empty: no command."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in OF_AN_ATTEMPT:
        remove(directory / name)
    for name in (SPEC, COMMAND, STDOUT, STDERR):
        remove_unless_file(directory / name)
    remove_unfinished(directory, OF_A_TRIAL.__contains__)
    logs = sizes_of_logs(directory)
    write_json(directory / SPEC, {"schema": SCHEMA, **spec, **({"logs": logs} if logs else {})})
    if argv:
        write_command(directory, argv, cwd, title)


def make_room(directory: Path) -> None:
    """See to it that an attempt finds a directory, whatever the last one has put there or taken away. Raises OSError.

    What is in the way is kept under another name.
    """
    try:
        mode = directory.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            directory.chmod(mode | stat.S_IRWXU)
        return
    aside = directory.with_name(f"{directory.name}.replaced-{time.time():.0f}")
    directory.rename(aside)


def write_command(directory: Path, argv: Sequence[str], cwd: Path, title: str) -> None:
    """``command.sh``: the job's exact command, to be run or pasted by hand."""
    text = f"#!/bin/sh\n# {title}: this is its exact command.\ncd {shlex.quote(str(cwd))} &&\nexec {shlex.join(argv)}\n"
    write_atomically(directory / COMMAND, text)
