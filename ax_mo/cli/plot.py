"""``plot``: one figure of a study as a file, or the list of those that there are."""

from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ax_mo.cli.shared import new_file, one_line, say, say_json, study_at, tell, trial_named
from ax_mo.errors import AxMoError
from ax_mo.html_report import SHOWN_BY
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.files import write_atomically

_PICTURES = ("png", "svg", "pdf")
_WIDTH = 1000
"""Pixels of a picture, unless the figure needs more; a PNG has twice as many."""


def plot_command(arguments: Namespace) -> None:
    """Write a figure, or print which there are."""
    try:
        from ax_mo.html_report.named_figures import FIGURES, FigureOptions, figure_named
        from ax_mo.optimizer.diagnostics import FittedModel
    except ImportError as error:
        raise AxMoError(f"Figures need what is not installed: {error}.") from None
    source, name = arguments.source, arguments.figure
    if name is None and source is not None and source.replace("-", "_") in FIGURES and not Path(source).exists():
        source, name = None, source  # of the newest sweep
    if name is None:
        _list(study_at(source), arguments.json)
        return
    figure = figure_named(name)
    given = {"params": arguments.params, "metric": arguments.metric, "like": arguments.like, "others": arguments.others}
    for option, value in given.items():
        if value is not None and option not in figure.takes:
            taking = " and ".join(known for known, other in FIGURES.items() if option in other.takes)
            raise AxMoError(f"--{'with' if option == 'others' else option} is for {taking}, not for {name}.")
    path = _file(arguments.to, name, arguments.force)
    record = study_at(source)
    options = FigureOptions(
        params=tuple(key.strip() for key in (arguments.params or "").split(",") if key.strip()),
        metric=arguments.metric,
        like=None if arguments.like is None else trial_named(record, arguments.like).number,
        others=tuple(study_at(other) for other in arguments.others or ()),
    )
    _write(figure.draw(FittedModel(record), options), path)
    if arguments.json:
        say_json({"file": str(path)})
    else:
        say(f"Wrote {path}")


def _list(record: StudySnapshot, as_json: bool) -> None:
    from ax_mo.html_report.named_figures import FIGURES
    from ax_mo.optimizer.diagnostics import FittedModel

    fitted = FittedModel(record)
    lacking = {name: figure.lacks(fitted) for name, figure in FIGURES.items()}
    if as_json:
        figures = [{"figure": name, "shows": SHOWN_BY[name], "lacks": lacks} for name, lacks in lacking.items()]
        say_json({"figures": figures, "params": list(record.space.keys), "metrics": list(fitted.metrics)})
        return
    width = max(map(len, FIGURES))
    for name, lacks in lacking.items():
        say(f"{name:<{width}}  {SHOWN_BY[name]}" + (f" ({lacks})" if lacks else ""))
    tell(f"parameters: {', '.join(record.space.keys)}")
    tell(f"metrics: {', '.join(fitted.metrics)}")


def _file(to: str | None, name: str, force: bool) -> Path:
    """Where to write. Raises AxMoError for what no figure can be written as, here."""
    kinds = f".html, or .{', .'.join(_PICTURES)}"
    if to is None:
        raise AxMoError(f"Name the file to write: --to {name}.html (it ends in {kinds}).")
    kind = to.rpartition(".")[2].lower()
    if kind not in ("html", *_PICTURES):
        raise AxMoError(f"'{to}' does not end in {kinds}, which say what to write.")
    if kind in _PICTURES:
        _check_pictures(name)
    return new_file(to, force)


def _check_pictures(name: str) -> None:
    """plotly draws pictures with kaleido, which has a Chrome or Chromium of this machine do it."""
    otherwise = f"--to {name}.html needs nothing, and saves pictures from there."
    if find_spec("kaleido") is None:
        raise AxMoError(f"Pictures need kaleido: pip install 'hydra-ax-mo[images]'; {otherwise}")
    from choreographer.browsers.chromium import Chromium

    if not Chromium.find_browser(skip_local=False):
        raise AxMoError(
            "Pictures need Chrome or Chromium, and there is none on the PATH: install one, name it in BROWSER_PATH, or "
            f"run plotly_get_chrome; {otherwise}"
        )


def _write(figure: Any, path: Path) -> None:
    kind = path.suffix.lower().lstrip(".")
    if kind == "html":
        write_atomically(path, figure.to_html(include_plotlyjs=True, config={"displaylogo": False}))
        return
    width = max(_WIDTH, (figure.layout.meta or {}).get("min_width", 0))
    try:
        picture = figure.to_image(format=kind, width=width, height=figure.layout.height, scale=2)
    except Exception as error:  # whatever kaleido and the browser raise
        raise AxMoError(f"The browser made no picture: {type(error).__name__}: {one_line(str(error))}") from error
    write_atomically(path, picture)
