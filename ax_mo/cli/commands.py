"""What can be typed after ``ax-mo``: each command with its help, an example and its arguments; and their parser."""

import argparse
from collections.abc import Mapping
from textwrap import fill
from typing import Any

from ax_mo import __version__


def make_parser() -> argparse.ArgumentParser:
    """The command line, of which completion and the reference of commands are made."""
    parser = argparse.ArgumentParser(
        prog="ax-mo",
        description="Look at a study, choose a trial and use it, or steer the sweep that runs. Without a command: the "
        "status of the newest study.",
        epilog="Each command has help with an example: ax-mo pareto --help",
    )
    parser.add_argument("--version", action="version", version=f"ax_mo {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (help_, more, example, arguments) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}. {more}".strip(),
            epilog=f"example:\n  {example}",
            formatter_class=_Help,
        )
        for argument, options in arguments.items():
            command.add_argument(argument, **options)
        command.set_defaults(usage_error=command.error)
    return parser


class _Help(argparse.HelpFormatter):
    """Fills each line of a description as a paragraph; indented lines stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = [line if line.startswith(" ") else fill(line, width) for line in text.split("\n")]
        return "\n".join(indent + line for line in lines)


class _By(argparse.Action):
    """Keeps the order in which --max and --min were given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        namespace.by = [*(namespace.by or []), (values, option_string == "--max")]


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no port: a number up to 65535")
    return int(text)


Arguments = Mapping[str, Mapping[str, Any]]
"""What ``add_argument`` is given, by the argument's name."""


def _flag(name: str, help_: str) -> Arguments:
    return {name: {"action": "store_true", "help": help_}}


def _to(help_: str, required: bool = True) -> Arguments:
    return {"--to": {"metavar": "FILE", "required": required, "help": help_}}


_WHERE = "a sweep directory, a SQLite file, or <SQLAlchemy URL>/<study name>"
_NEWEST: Arguments = {
    "source": {"metavar": "SOURCE", "nargs": "?", "help": f"{_WHERE}; if not given, the newest sweep found from here"}
}
_TRIAL: Arguments = {"trial": {"metavar": "TRIAL", "help": "its number; imported_<n> for an imported one"}}
_JSON = _flag("--json", "print one JSON value, for scripts")
_FORCE = _flag("--force", "overwrite FILE")
_SWEEP = "multirun/2026-11-02/10-15-00"

COMMANDS: dict[str, tuple[str, str, str, Arguments]] = {
    "init": (
        "write a first experiment file for your project",
        "PROGRAM is the command that starts your training, with the overrides that every trial should have: 'python "
        "train.py model=cnn', 'python -m package.train', a console script. It is asked for its configuration; nothing "
        "is trained. The file gets objectives (what the checkpoint callback watches, or what is logged or returned), "
        "ranges for learning rates, widths, dropout and the like, and options of config groups.\n\n"
        "--from translates the file of another sweeper instead; without PROGRAM and --to, the translation is printed.",
        "ax-mo init python train.py\n  python train.py -m +experiment=search hydra.sweeper.dry_run=true",
        {
            "program": {"metavar": "PROGRAM", "nargs": "...", "help": "such as: python train.py"},
            **_to("the file; if not given, experiment/search.yaml among the project's configs", required=False),
            **_FORCE,
            "--from": {
                "metavar": "FILE", "dest": "from_file",
                "help": "translate this file of Hydra's Ax, Nevergrad or Optuna sweeper, or of hypersweeper",
            },
            "--json-schema": {
                "metavar": "FILE", "nargs": "?", "const": "-",
                "help": "write the schema by which editors complete and check such files, and nothing else",
            },
        },
    ),
    "status": (
        "show how far a study has come, its best values and its latest failures",
        "",
        f"ax-mo status {_SWEEP}",
        {**_NEWEST, **_JSON},
    ),
    "pareto": (
        "show the Pareto front, or choose one trial",
        "The front has the trials that no other trial dominates.\n\n"
        "--max and --min choose the trial that is best in a metric, among those that meet the study's constraints and "
        "every --where; a further --max or --min decides between equal ones. --knee chooses the trial of the front "
        "from which a further gain in one objective costs most in the others. Both prefer trials that meet the "
        "thresholds of the objectives; a --where that names an objective takes the place of its threshold. --where "
        "alone shows the front of the trials that meet it.\n\n"
        "A CONDITION compares numbers, which are metrics and parameters, with <=, >=, <, >, = or !=: "
        "'num_params <= 50000', 'a + 2*b > 1'. Parameters that are no numbers are compared with = or !=: 'model = "
        "cnn', 'flag != true'. A trial without a value for a name does not meet the condition.\n\n"
        "On a terminal, the table leaves out columns that do not fit; COLUMNS=200 makes room. In a pipe or a file it "
        "is complete.",
        f"ax-mo pareto {_SWEEP} --max val_acc --where 'num_params <= 50000'",
        {
            **_NEWEST,
            "--max": {"dest": "by", "metavar": "METRIC", "action": _By, "help": "the largest METRIC or parameter"},
            "--min": {"dest": "by", "metavar": "METRIC", "action": _By, "help": "the smallest instead of the largest"},
            **_flag("--knee", "the trial at the knee of the front"),
            "--where": {
                "metavar": "CONDITION", "action": "append", "default": [],
                "help": "such as 'num_params <= 50000' or 'model = cnn'; may be repeated",
            },
            "--format": {"choices": ("table", "csv", "json", "md"), "help": "if not given, table"},
            **_JSON,
        },
    ),
    "show": (
        "show one trial: its overrides, metrics, configuration, logs and command",
        "",
        f"ax-mo show {_SWEEP} 7",
        {
            **_NEWEST, **_TRIAL,
            "--lines": {"metavar": "N", "type": _count, "default": 20, "help": "show so many lines of each log (20)"},
            **_JSON,
        },
    ),
    "promote": (
        "write a trial as an experiment file of your project",
        "The program is asked what the file composes to, and that is compared with the configuration of the trial.",
        f"ax-mo promote {_SWEEP} 7 --to conf/experiment/best.yaml\n  python train.py +experiment=best",
        {**_NEWEST, **_TRIAL, **_to("such as conf/experiment/best.yaml"), **_FORCE, **_JSON},
    ),
    "report": (
        "write report.html, one page with every plot",
        "",
        f"ax-mo report {_SWEEP} --open",
        {
            **_NEWEST,
            **_to("the file; if not given, report.html in the sweep directory", required=False),
            **_flag("--open", "open it in a browser"),
            **_JSON,
        },
    ),
    "plot": (
        "one figure of a study as a file",
        "Without FIGURE: the figures that there are, and the names of parameters and metrics. FILE ends in .html, or "
        "in .png, .svg or .pdf, which need kaleido (pip install 'hydra-ax-mo[images]') and Chrome or Chromium.\n\n"
        "contour and slice show what the model predicts along --params, all others as in one trial. Where nothing is "
        "given, they take the parameters that matter most, and the knee of the front.",
        f"ax-mo plot {_SWEEP} contour --params optim.lr,model.hidden1 --metric val_acc --to contour.png",
        {
            **_NEWEST,
            "figure": {"metavar": "FIGURE", "nargs": "?", "help": "such as tradeoff, contour or timeline"},
            "--params": {"metavar": "A,B", "help": "the parameters of contour (two) and slice (any number)"},
            "--metric": {"metavar": "METRIC", "help": "of contour and slice; the first objective, if not given"},
            "--like": {
                "metavar": "TRIAL", "help": "for contour and slice: the trial as in which all other parameters are",
            },
            "--with": {
                "dest": "others", "metavar": "SOURCE", "nargs": "+",
                "help": "for attainment: studies that differ in their seed alone",
            },
            **_to("contour.html, .png, .svg or .pdf", required=False),
            **_FORCE,
            **_JSON,
        },
    ),
    "export": (
        "write all trials to a file for other tools",
        "The ending of FILE says the format:\n"
        "  .csv .parquet  one row per trial, with the columns of ax_mo.load(...).trials: trial, status,\n"
        "                 pareto (whether it is on the front), params.<key>, metrics.<name>, sem.<name>\n"
        "                 (standard errors, only with repeats), reason, generator, attempt, asked,\n"
        "                 submitted, started, ended, directory (absolute)\n"
        "  .json          the same, with params, metrics and standard_errors as mappings, and also the\n"
        "                 overrides, the values of each repeat, and the study's settings\n"
        "  .ax.json       the study with its learning curves, for Ax's Client.load_from_json_file\n"
        "  .db            an Optuna storage, for optuna-dashboard sqlite:///FILE\n\n"
        "The trials.csv that the sweep itself keeps has one row per run instead.",
        f"ax-mo export {_SWEEP} --to trials.parquet",
        {**_NEWEST, **_to("trials.csv, .json, .parquet, .ax.json or .db"), **_FORCE, **_JSON},
    ),
    "rebuild": (
        "make a lost or damaged study.db again from study.json",
        "A damaged one is kept under another name. The study can be resumed afterwards.",
        f"ax-mo rebuild {_SWEEP}",
        {
            "source": {"metavar": "DIRECTORY", "help": "a sweep directory"},
            "--storage": {"metavar": "URL", "help": "the database of a study that was not kept in study.db"},
            **_flag("--force", "rebuild it even if study.db can be read"),
            **_JSON,
        },
    ),
    "adopt": (
        "list the trials that have not ended and where they run, or declare some lost",
        "A trial that was started on another machine, or in another container, is awaited as long as it gives signs of "
        "life. If you know that it no longer runs, declare it lost, and the study runs it once more. Works beside a "
        "running sweep.",
        f"ax-mo adopt {_SWEEP} --lost 3",
        {
            **_NEWEST,
            "--lost": {
                "metavar": "TRIAL", "nargs": "*",
                "help": "these trials no longer run; without numbers, all that were started elsewhere",
            },
            **_JSON,
        },
    ),
    "watch": (
        "show the live screen of a study that runs elsewhere, until it ends",
        "The study is only read. If no sweep is running, this waits for one. --html serves the page of the study on "
        "127.0.0.1 and keeps it up to date, until Ctrl-C.",
        f"ax-mo watch {_SWEEP}\n  ax-mo watch {_SWEEP} --html --port 8080",
        {
            **_NEWEST,
            **_flag("--html", "serve the page to browsers of this machine"),
            "--port": {"metavar": "PORT", "type": _port, "default": 0, "help": "where to serve it (any free port)"},
        },
    ),
    "enqueue": (
        "add a point that a running study tries next",
        "KEY is a parameter of the study, and VALUE is written as on Hydra's command line. Parameters that are left "
        "out are as in the project's own configuration. The trial is one of n_trials, and its generator is 'user'. If "
        "no sweep is running, the next resume tries the point first. ax-mo status shows the points in line, with their "
        "numbers.",
        f"ax-mo enqueue {_SWEEP} model=cnn optim.lr=0.01\n  ax-mo enqueue {_SWEEP} --remove 3",
        {
            **_NEWEST,
            "overrides": {"metavar": "KEY=VALUE", "nargs": "*", "help": "such as optim.lr=0.01"},
            "--remove": {"metavar": "NUMBER", "type": _count, "help": "take that point out of the line instead"},
            **_JSON,
        },
    ),
    "stop": (
        "stop running trials early",
        "As early stopping does it: a trial ends when it next asks ax_mo.should_stop(), with Lightning after its "
        "epoch. It counts as stopped early, with the metrics that it has reported.",
        f"ax-mo stop {_SWEEP} 7",
        {**_NEWEST, "trials": {"metavar": "TRIAL", "nargs": "+", "help": "its number"}, **_JSON},
    ),
    "pause": (
        "let a study start no new trials until ax-mo resume",
        "Running trials go on. A sweep that is started again in the meantime is paused as well.",
        f"ax-mo pause {_SWEEP}",
        {**_NEWEST, **_JSON},
    ),
    "resume": (
        "end the pause of a study",
        "This is for pauses only. A sweep that has ended is resumed by its own command, which ax-mo status prints.",
        f"ax-mo resume {_SWEEP}",
        {**_NEWEST, **_JSON},
    ),
    "set": (
        "change n_trials, n_jobs, timeout_hours or max_failure_rate of a running study",
        "If no sweep is running, the next resume has the new values. They also become part of the command by which the "
        "study is resumed. A command line that says otherwise wins.",
        f"ax-mo set {_SWEEP} n_trials=80 n_jobs=8",
        {**_NEWEST, "settings": {"metavar": "SETTING=VALUE", "nargs": "+", "help": "such as n_trials=80"}, **_JSON},
    ),
    "compare": (
        "compare the fronts of several studies, measured from one reference point",
        "The reference point is the threshold on which all studies agree; for an objective without one, the worst "
        "value of any of their trials.",
        f"ax-mo compare {_SWEEP} multirun/2026-11-03/09-00-00 --html compare.html",
        {
            "sources": {"metavar": "SOURCE", "nargs": "+", "help": _WHERE},
            "--html": {"metavar": "FILE", "help": "also write a page with the fronts and the tables"},
            **_JSON,
        },
    ),
    "completion": (
        "print a script by which your shell completes commands, sweeps, trials and metrics",
        "Your shell runs it at each start, if you write\n"
        "  in ~/.bashrc                   eval \"$(ax-mo completion bash)\"\n"
        "  in ~/.zshrc, after compinit    eval \"$(ax-mo completion zsh)\"\n"
        "  in ~/.config/fish/config.fish  ax-mo completion fish | source",
        "ax-mo completion fish | source",
        {"shell": {"metavar": "SHELL", "choices": ("bash", "zsh", "fish"), "help": "bash, zsh or fish"}},
    ),
}  # fmt: skip
"""By name: what it is for, more of that, an example, and its arguments."""
