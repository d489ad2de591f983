"""The command line ``python -m ax_mo`` and ``ax-mo``: what can be typed, and which module does it.

Nothing heavy is imported before a command is known to be wanted: ``--help`` answers at once.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

_SOURCE = "a sweep directory, a SQLite file, or <SQLAlchemy URL>/<study name>"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, 1 for an error that is told in one line, 2 for wrong usage."""
    if sys.stdout is None or sys.stderr is None:  # closed, as by >&-
        sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # one without the letters gets question marks, not an exception
            stream.reconfigure(errors="replace")
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    try:
        import_module(f"ax_mo.cli.{arguments.command}").run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # "| head" has seen enough; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _told(error)
    return 0


def _told(error: Exception) -> int:
    """Print an error that is a message to the user; raise any other."""
    from ax_mo.cli.shared import one_line
    from ax_mo.errors import AxMoError

    if isinstance(error, AxMoError):
        print(f"ax-mo: {one_line(str(error))}", file=sys.stderr)
        return 1
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        print(f"ax-mo: {one_line(f'{error.strerror or error}{where}')}", file=sys.stderr)
        return 1
    raise error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ax-mo",
        description="Look at a study, take a point of its trade-off, and use it. Works while the study runs.",
        epilog="Each command has an example: ax-mo pareto --help",
    )
    parser.add_argument("--version", action="version", version=f"ax_mo {version('hydra-ax-mo')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_status, _pareto, _show, _promote, _report, _export, _rebuild, _adopt, _compare):
        add(commands)
    return parser


def _command(commands: Any, name: str, help_: str, more: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}. {more}".strip(),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _source(parser: argparse.ArgumentParser, newest: bool = False) -> None:
    """``newest``: whether it may be left out. Not before a TRIAL: ``show 7`` would be either."""
    help_ = f"{_SOURCE}; the newest sweep below ./multirun, if not given" if newest else _SOURCE
    parser.add_argument("source", metavar="SOURCE", nargs="?" if newest else None, help=help_)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _status(commands: Any) -> None:
    parser = _command(
        commands,
        "status",
        "how far a study is, on one screen",
        "",
        "ax-mo status multirun/2026-11-02/10-15-00",
    )
    _source(parser, newest=True)
    _json(parser)


class _By(argparse.Action):
    """Keeps the order in which --max and --min were given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        namespace.by = [*(namespace.by or []), (values, option_string == "--max")]


def _pareto(commands: Any) -> None:
    parser = _command(
        commands,
        "pareto",
        "the Pareto front, or one trial to take from the study",
        "With --max or --min: the best trial\nin that metric among all that meet the study's constraints and --where; "
        "a further --max or --min\ndecides between equal ones. With --knee: the point of the front where a gain in one "
        "objective\nbegins to cost most in the others. Both prefer trials that meet the thresholds, apart from those\n"
        "of objectives that --where names. With --where alone: the front of the trials that meet it.\n\n"
        "A CONDITION compares numbers, metrics or parameters, with <=, >=, <, >, = or !=: 'num_params <= 50000',\n"
        "'a + 2*b > 1'. Other parameters are compared with = and !=: 'model = cnn', 'flag != true'. A trial that\n"
        "lacks what it names does not meet it. On a terminal, the table leaves out what does not fit (COLUMNS says\n"
        "otherwise); a pipe or file gets all of it.",
        "ax-mo pareto multirun/2026-11-02/10-15-00 --max val_acc --where 'num_params <= 50000'",
    )
    _source(parser, newest=True)
    parser.add_argument("--max", dest="by", metavar="METRIC", action=_By, help="the largest METRIC or parameter")
    parser.add_argument("--min", dest="by", metavar="METRIC", action=_By, help="the smallest")
    parser.add_argument("--knee", action="store_true", help="the knee of the front")
    parser.add_argument(
        "--where", metavar="CONDITION", action="append", default=[],
        help="such as 'num_params <= 50000' or 'model = cnn'; may be repeated",
    )  # fmt: skip
    parser.add_argument("--format", choices=("table", "csv", "json", "md"), default=None, help="table, if not given")
    _json(parser)


def _trial(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trial", metavar="TRIAL", help="its number; imported_<n> for an imported one")


def _show(commands: Any) -> None:
    parser = _command(
        commands,
        "show",
        "one trial: its overrides, metrics, configuration, log and command",
        "",
        "ax-mo show multirun/2026-11-02/10-15-00 7",
    )
    _source(parser)
    _trial(parser)
    parser.add_argument("--lines", metavar="N", type=_count, default=20, help="lines of each log (20)")
    _json(parser)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of lines")
    return int(text)


def _promote(commands: Any) -> None:
    parser = _command(
        commands,
        "promote",
        "write a trial as an experiment file of the project",
        "",
        "ax-mo promote multirun/2026-11-02/10-15-00 7 --to conf/experiment/best.yaml\n"
        "  python train.py +experiment=best",
    )
    _source(parser)
    _trial(parser)
    parser.add_argument("--to", metavar="FILE", required=True, help="such as conf/experiment/best.yaml")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def _report(commands: Any) -> None:
    parser = _command(
        commands,
        "report",
        "write report.html, a page of its own with every plot",
        "",
        "ax-mo report multirun/2026-11-02/10-15-00 --open",
    )
    _source(parser, newest=True)
    parser.add_argument("--to", metavar="FILE", help="report.html in the sweep directory, if not given")
    parser.add_argument("--open", action="store_true", help="open it in a browser")


def _export(commands: Any) -> None:
    parser = _command(
        commands,
        "export",
        "write all trials for other tools",
        "FILE ends in .csv, .json, .parquet,\nor .ax.json: the whole study, learning curves included, as Ax's "
        "Client.load_from_json_file reads it.\n\n"
        ".csv and .parquet have a row per trial and the columns of ax_mo.load(...).trials: trial, status, pareto\n"
        "(whether it is on the front), params.<key>, metrics.<name>, sem.<name> (standard errors, with repeats\n"
        "only), reason, generator, attempt, asked, submitted, started, ended, directory (absolute). .json has the\n"
        "same by trial, with params, metrics and standard_errors as mappings, and the overrides, the values of each\n"
        "repeat, and the study besides. The sweep's own trials.csv has a row per run.",
        "ax-mo export multirun/2026-11-02/10-15-00 --to trials.parquet",
    )
    _source(parser, newest=True)
    parser.add_argument("--to", metavar="FILE", required=True, help="trials.csv, .json, .parquet or .ax.json")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def _rebuild(commands: Any) -> None:
    parser = _command(
        commands,
        "rebuild",
        "make a lost or damaged study.db anew from the trials' directories",
        "A damaged one is kept\nunder another name. The study can be resumed afterwards.",
        "ax-mo rebuild multirun/2026-11-02/10-15-00",
    )
    parser.add_argument("source", metavar="DIRECTORY", help="a sweep directory")
    parser.add_argument("--storage", metavar="URL", help="the database, for a study that was not kept in study.db")
    parser.add_argument("--force", action="store_true", help="although study.db can be read")


def _adopt(commands: Any) -> None:
    parser = _command(
        commands,
        "adopt",
        "where a study's open trials run, and which of them are lost",
        "A trial that was started on\nanother machine, or in another container, is awaited until its result comes or "
        "it gives no sign of life. Where it is\nknown not to run any more, --lost says so: the study runs it once "
        "more. Works beside a running sweep.",
        "ax-mo adopt multirun/2026-11-02/10-15-00 --lost 3",
    )
    parser.add_argument("source", metavar="SOURCE", help=_SOURCE)
    parser.add_argument(
        "--lost", metavar="TRIAL", nargs="*",
        help="these trials do not run any more; all that were started elsewhere, if none is named",
    )  # fmt: skip


def _compare(commands: Any) -> None:
    parser = _command(
        commands,
        "compare",
        "the fronts of several studies, measured from one reference point",
        "The reference point is the\nthreshold that all studies agree on; for an objective without, the worst value "
        "of any of their trials.",
        "ax-mo compare multirun/2026-11-02/10-15-00 multirun/2026-11-03/09-00-00 --html compare.html",
    )
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help=_SOURCE)
    parser.add_argument("--html", metavar="FILE", help="also write a page with the fronts and the tables")
    _json(parser)


Run = Callable[[argparse.Namespace], None]
"""What each module of ``ax_mo.cli`` has as ``run``. Raises AxMoError and OSError."""
