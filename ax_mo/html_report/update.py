"""Writes a study's page where others may be writing it too: a sweep's own process, and people with ``ax-mo report``.

A page is replaced by one that was read from the study later, and one with the model's parts by one that has them, too.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_mo.html_report.page import FITTED, report_html
from ax_mo.storage.snapshot import StudyRecord
from ax_mo.trial.files import write_atomically

# How often a page is made anew because another one was written meanwhile.
_MOST_TRIES = 3

# A page is put in its place in well under a second; who takes longer was stopped in the middle of it.
_PATIENCE = 5.0


def update_report(read: Callable[[], StudyRecord], path: Path, fitted: bool = True, note: str | None = None) -> None:
    """Write the page of the study that ``read`` returns, which is called again where another page came between.

    Without ``fitted``, the model's parts, which take the most time, are made only where the page at ``path`` has them;
    with a ``note`` that stands in their place, not at all. Raises OSError when it cannot be written, and what ``read``
    raises.
    """
    for _ in range(_MOST_TRIES):
        before = identity(path)
        whole = fitted or (note is None and has_model(path))
        text = report_html(read(), path, whole, note)
        if replace_page(path, text, lambda before=before: identity(path) == before):  # type: ignore[misc]
            return
    replace_page(path, text, lambda: whole or note is not None or not has_model(path))


def replace_page(path: Path, text: str, is_wanted: Callable[[], bool]) -> bool:
    """Write the page if it is wanted when its turn has come; returns whether it was."""
    with _turn(path.parent):
        wanted = is_wanted()
        if wanted:
            write_atomically(path, text)
        return wanted


def has_model(path: Path) -> bool:
    """Whether the file is a page that was made with the model's parts."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as page:
            return FITTED.encode() in page.read(4096)
    except OSError:
        return False


def identity(path: Path) -> tuple[int, int, int] | None:
    """Another one whenever the file was replaced."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """One writer at a time, where the file system has locks. Who holds it for too long is not waited for."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # whether one can write there is another question
        yield
        return
    try:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:  # no locks on this file system, or none of directories
                break
            else:
                break
        yield
    finally:
        os.close(descriptor)
