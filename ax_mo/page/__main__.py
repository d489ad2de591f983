"""``python -m ax_mo.page <sweep dir>``: write the page of a study, also while it runs."""

import argparse
import os
import signal
import sys
from pathlib import Path

from ax_mo.errors import AxMoError
from ax_mo.page import REPORT


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ax_mo.page", description="Write a study's report.html.")
    parser.add_argument("study", help="its sweep directory, or <SQLAlchemy URL>/<study name>; - reads that from stdin")
    parser.add_argument("--to", type=Path, help="the file to write; report.html in the sweep directory by default")
    parser.add_argument("--quick", action="store_true", help="without the parts of the model, which take the most time")
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
    from ax_mo.page.update import update_report
    from ax_mo.record import read_record

    path: Path = (given.to or read_record(source).directory / REPORT).absolute()
    update_report(lambda: read_record(source), path, fitted=not given.quick)
    return path


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no half of a page behind
    sys.exit(main())
