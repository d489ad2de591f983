"""Writes a study's page where others may be writing it too: a sweep's own process, and people with ``ax-mo report``.

A page is replaced by one that was read from the study later, and one with the model's parts by one that has them, too.
The last page of a study is there at once, and some seconds of a processor later with the model's parts. Those are
fitted anew, to this study's trials as they ended: the sweep's own model is one of the moment before, and has neither
been validated nor asked what matters. Nobody waits for that: the sweep has ended when its page is there.
"""

import _thread
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_mo.html_report.page import FITTED, MOST_FITTED, report_html
from ax_mo.optimizer.diagnostics import FEWEST_TRIALS, Fitted
from ax_mo.storage.lock import is_held
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.files import write_atomically

# How often a page is made anew because another one was written meanwhile.
_MOST_TRIES = 3

# A page is put in its place in well under a second; who takes longer was stopped in the middle of it.
_PATIENCE = 5.0


def update_report(read: Callable[[], StudySnapshot], path: Path, fitted: bool = True, note: str | None = None) -> None:
    """Write the page of the study that ``read`` returns, which is called again where another page came between.

    Without ``fitted``, the model's parts, which take the most time, are made only where the page at ``path`` has them;
    with a ``note`` that stands in their place, not at all. Raises OSError when it cannot be written, and what ``read``
    raises.
    """
    for _ in range(_MOST_TRIES):
        before = file_version(path)
        whole = fitted or (note is None and has_model(path))
        text = report_html(read(), path, whole, note)
        if replace_page(path, text, lambda before=before: file_version(path) == before):  # type: ignore[misc]
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


def file_version(path: Path) -> tuple[int, int, int] | None:
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


# The last page

COMING = (
    "The model is being fitted, and will be on this page in a moment: load it again. Should the model not come, "
    "'ax-mo report' followed by the sweep's directory brings it."
)

_LOOK_EVERY = 1.0
"""Seconds after which a page that nobody wants any more ends at the latest."""


def write_plain(read: Callable[[], StudySnapshot], path: Path) -> bool:
    """Write the page without the parts of a model; returns whether there are to be any.

    Raises OSError and what ``read`` raises.
    """
    coming = len(Fitted(read(), MOST_FITTED).trials) >= FEWEST_TRIALS
    update_report(read, path, fitted=not coming, note=COMING if coming else None)
    return coming


def add_model(read: Callable[[], StudySnapshot], path: Path) -> None:
    """Write the page once more, with the model's parts, unless it is another one by then or the study goes on.

    Ends this process, by SIGTERM to itself, once that or the page's directory is gone. Raises as ``write_plain``.
    """
    plain = file_version(path)

    def is_wanted() -> bool:
        return plain is not None and file_version(path) == plain and not is_held(path.parent)

    if is_wanted():
        with _only_while(is_wanted):
            text = report_html(read(), path)
        replace_page(path, text, is_wanted)


@contextmanager
def _only_while(is_wanted: Callable[[], bool]) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_EVERY):
            if not is_wanted():
                _thread.interrupt_main(signal.SIGTERM)
                return

    threading.Thread(target=watch, name="ax_mo-last-page", daemon=True).start()
    try:
        yield
    finally:
        done.set()
