"""The process in which a running sweep writes its page: ``python -m ax_mo.html_report quick|last FILE``."""

import os
import signal
import sys
from pathlib import Path

from ax_mo.errors import AxMoError


def write_page(kind: str, path: Path) -> int:
    """Write the page of the study that stdin names: a URL may hold a password, and everybody sees a command line.

    ``quick`` adds no model's parts and leaves the processors to everybody else; ``last`` is for a study that has ended.
    The exit code is 1 when it cannot be written; the last line of the output is what to tell the user.
    """
    source = sys.stdin.readline().strip()
    try:
        from ax_mo.html_report.update import update_report, write_last_page
        from ax_mo.storage.snapshot import read_snapshot

        follows = ""
        if kind == "last":
            if write_last_page(lambda: read_snapshot(source), path):
                follows = " (the model's plots follow in a moment)"
        else:
            os.nice(19)
            update_report(lambda: read_snapshot(source), path, fitted=False)
    except (AxMoError, OSError) as error:
        print(f"{path.name}: {error}")
        return 1
    print(f"report: {path}{follows}")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no half of a page behind
    sys.exit(write_page(sys.argv[1], Path(sys.argv[2])))
