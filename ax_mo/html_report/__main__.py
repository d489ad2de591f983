"""``python -m ax_mo.html_report <sweep dir>``: write the page of a study, also while it runs."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ax_mo.errors import AxMoError
from ax_mo.html_report import REPORT

if TYPE_CHECKING:
    from ax_mo.storage.snapshot import StudySnapshot


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ax_mo.html_report", description="Write a study's report.html.")
    parser.add_argument("study", help="its sweep directory, or <SQLAlchemy URL>/<study name>; - reads that from stdin")
    parser.add_argument("--to", type=Path, help="the file to write; report.html in the sweep directory by default")
    parser.add_argument("--quick", action="store_true", help="without the parts of the model, which take the most time")
    parser.add_argument("--last", action="store_true", help="of a study that has ended: the model's parts come later")
    parser.add_argument("--nice", action="store_true", help="leave the processors to everybody else")
    given = parser.parse_args(arguments)
    if given.nice:
        os.nice(19)
    try:
        print(_written(given))
    except (AxMoError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _written(given: argparse.Namespace) -> Path:
    """Write the page; returns where. Raises AxMoError or OSError."""
    # A URL may hold a password, and a command line is everybody's to see.
    source = sys.stdin.readline().strip() if given.study == "-" else given.study
    from ax_mo.html_report.update import update_report
    from ax_mo.storage.snapshot import read_snapshot

    path: Path = (given.to or read_snapshot(source).directory / REPORT).absolute()
    if given.last:
        _write_last(lambda: read_snapshot(source), path)
    else:
        update_report(lambda: read_snapshot(source), path, fitted=not given.quick)
    return path


def _write_last(read: "Callable[[], StudySnapshot]", path: Path) -> None:
    """Write the page, and leave it to a process that outlives this one, and the sweep, to add the model's parts."""
    from ax_mo.html_report.update import add_model, write_plain

    if write_plain(read, path) and os.fork() == 0:
        os.nice(19)
        add_model(read, path)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no half of a page behind
    sys.exit(main())
