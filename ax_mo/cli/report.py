"""``report``: the study as one page."""

import webbrowser
from argparse import Namespace

from ax_mo.cli.shared import new_file, say, study_at
from ax_mo.errors import AxMoError

NAME = "report.html"


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    path = new_file(arguments.to or str(record.directory / NAME), force=True)
    try:
        from ax_mo.html_report.update import update_report
    except ImportError as error:
        raise AxMoError(f"The report needs what is not installed: {error}.") from None
    source = arguments.source or str(record.directory)
    update_report(lambda: study_at(source), path)
    say(f"Wrote {path}")
    if arguments.open and not webbrowser.open(path.as_uri()):
        raise AxMoError(f"No browser could be started; open {path.as_uri()}")
