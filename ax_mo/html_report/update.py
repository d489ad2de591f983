"""Writes a study's page where others may be writing it too: a sweep's own process, and people with ``ax-mo report``.

A page that somebody replaced meanwhile is made again, and one with the model's parts keeps them. The
last page of a study is there at once, and some seconds of a processor later with the model's parts. Those are fitted
anew, to this study's trials as they ended: the sweep's own model is one of the moment before, and has neither been
validated nor asked what matters. Nobody waits for that: the sweep has ended when its page is there.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ax_mo.html_report.model_parts import MOST_FITTED
from ax_mo.html_report.page import AT_THE_END, FITTED, report_html
from ax_mo.optimizer.diagnostics import FEWEST_TRIALS, FittedModel
from ax_mo.storage.directory_lock import is_held
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.files import write_atomically

_MOST_TRIES = 3

COMING = (
    "The model is being fitted, and will be on this page in a moment: load it again. Should the model not come, "
    "'ax-mo report' followed by the sweep's directory brings it."
)


def update_report(read: Callable[[], StudySnapshot], path: Path, fitted: bool = True, note: str | None = None) -> None:
    """Write the page of the study that ``read`` returns, which is called again where another page came between.

    Without ``fitted``, the model's parts, which take the most time, are made only where the page at ``path`` has them;
    with a ``note`` that stands in their place, not at all. Raises OSError when it cannot be written, and what ``read``
    raises.
    """
    for tries in range(1, _MOST_TRIES + 1):
        before = _version(path)
        whole = fitted or (note is None and has_model(path))
        text = report_html(read(), path, whole, note or AT_THE_END)
        with _alone(path.parent):
            if _version(path) == before or tries == _MOST_TRIES:
                write_atomically(path, text)
                return


def write_last_page(read: Callable[[], StudySnapshot], path: Path) -> bool:
    """Write the page without the parts of a model, and leave it to a process of its own to add them.

    That one outlives this process, and the sweep; where the page is another one by then or gone, or the study goes on,
    it adds nothing. Returns whether there are to be any. Raises as ``update_report``.
    """
    with_model = len(FittedModel(read(), MOST_FITTED).trials) >= FEWEST_TRIALS
    update_report(read, path, fitted=not with_model, note=COMING if with_model else None)
    plain = _version(path)
    if with_model and os.fork() == 0:
        try:
            os.nice(19)
            text = report_html(read(), path)
            with _alone(path.parent):
                if plain is not None and _version(path) == plain and not is_held(path.parent):
                    write_atomically(path, text)
        finally:
            os._exit(0)
    return with_model


def has_model(path: Path) -> bool:
    """Whether the file is a page that was made with the model's parts."""
    with suppress(OSError):
        if path.is_file():  # a pipe would be waited for
            with path.open("rb") as page:
                return FITTED.encode() in page.read(4096)
    return False


def _version(path: Path) -> tuple[int, int, int] | None:
    """Another one whenever the file was replaced."""
    with suppress(OSError):
        about = path.stat()
        return about.st_ino, about.st_mtime_ns, about.st_size
    return None


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One writer at a time, where the file system has locks of directories."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
