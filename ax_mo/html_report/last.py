"""The last page of a study: at once, and some seconds of a processor later with the model's parts.

Those are fitted anew, to this study's trials as they ended: the sweep's own model is one of the moment before, and has
neither been validated nor asked what matters. Nobody waits for that: the sweep has ended when its page is there.
"""

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_mo.html_report.page import MOST_FITTED, report_html
from ax_mo.html_report.update import identity, replace_page, update_report
from ax_mo.optimizer.diagnostics import FEWEST_TRIALS, Fitted
from ax_mo.storage.lock import is_held
from ax_mo.storage.snapshot import StudyRecord

COMING = (
    "The model is being fitted, and will be on this page in a moment: load it again. Should the model not come, "
    "'ax-mo report' followed by the sweep's directory brings it."
)

_LOOK_EVERY = 1.0
"""Seconds after which a page that nobody wants any more ends at the latest."""


def write_plain(read: Callable[[], StudyRecord], path: Path) -> bool:
    """Write the page without the parts of a model; returns whether there are to be any.

    Raises OSError and what ``read`` raises.
    """
    coming = len(Fitted(read(), MOST_FITTED).trials) >= FEWEST_TRIALS
    update_report(read, path, fitted=not coming, note=COMING if coming else None)
    return coming


def add_model(read: Callable[[], StudyRecord], path: Path) -> None:
    """Write the page once more, with the model's parts, unless it is another one by then or the study goes on.

    Ends this process, by SIGTERM to itself, once that or the page's directory is gone. Raises as ``write_plain``.
    """
    plain = identity(path)

    def is_wanted() -> bool:
        return plain is not None and identity(path) == plain and not is_held(path.parent)

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
