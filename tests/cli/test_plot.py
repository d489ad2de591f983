"""``ax-mo plot``: the list of figures, files of every kind, and what is told instead."""

import json
from pathlib import Path

import pytest

from ax_mo.cli import plot
from ax_mo.html_report import SHOWN_BY
from ax_mo.html_report.named_figures import FIGURES
from ax_mo.notebook import LoadedStudy
from tests.support.browsing import needs_browser

from .conftest import Cli, Make


def test_figures_are_listed_with_names_to_choose_from(cli: Cli, make: Make, tmp_path: Path) -> None:
    done = cli("plot", make(4, name="few").directory)
    assert done.code == 0 and [line.split()[0] for line in done.out.splitlines()[: len(FIGURES)]] == list(FIGURES)
    assert "parameters: model, optim.lr, width, act" in done.out and "metrics: val_acc, num_params, seconds" in done.out
    listed = json.loads(cli("plot", tmp_path / "few", "--json").out)
    assert [figure["figure"] for figure in listed["figures"]] == list(FIGURES) and listed["metrics"][0] == "val_acc"
    assert "(no repeats: name other studies with --with)" in done.out and "(no trial has left one)" in done.out
    assert "needs 3 trials" not in done.out
    assert cli("plot", make(2, name="two").directory).out.count("(needs 3 trials with metrics)") == 4
    assert all(hasattr(LoadedStudy, f"plot_{name}") for name in FIGURES)
    assert list(FIGURES) == list(SHOWN_BY)


def test_page_of_one_figure_needs_nothing(cli: Cli, make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a figure.html"
    assert cli("plot", make().directory, "parallel-coordinates", "--to", path).out == f"Wrote {path}\n"
    assert "val_acc" in path.read_text() and "Plotly.newPlot" in path.read_text()
    assert "--force overwrites it" in cli("plot", make(name="b").directory, "tradeoff", "--to", path).err


def test_newest_sweep_needs_no_name(cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(name="multirun/today")
    monkeypatch.chdir(tmp_path)
    assert cli("plot", "timeline", "--to", "t.html").code == 0
    assert "tradeoff" in cli("plot").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tradeof", "--to", "x.html"], "There is no figure 'tradeof'. Did you mean 'tradeoff'?"),
        (["contour"], "Name the file to write: --to contour.html"),
        (["contour", "--to", "x.gif"], "'x.gif' does not end in .html, or .png, .svg, .pdf"),
        (["tradeoff", "--params", "width", "--to", "x.html"], "--params is for contour and slice, not for tradeoff"),
        (["slice", "--with", "b", "--to", "x.html"], "--with is for attainment, not for slice"),
        (["slice", "--params", "widht", "--to", "x.html"], "no parameter 'widht'. Did you mean 'width'?"),
        (["contour", "--params", "act,width,model", "--to", "x.html"], "along two parameters, not 3"),
        (["contour", "--metric", "acc", "--to", "x.html"], "The model predicts no 'acc'. Did you mean 'val_acc'?"),
        (["slice", "--like", "seven", "--to", "x.html"], "'seven' is no trial"),
        (["attainment", "--to", "x.html"], "Attainment is of several runs"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("plot", make(12).directory, *arguments)
    assert done.code == 1 and said in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.glob("x.*"))


def test_pictures_say_what_is_missing(cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(12).directory
    chromium = pytest.importorskip("choreographer.browsers.chromium").Chromium
    monkeypatch.setattr(chromium, "find_browser", lambda **_: None)
    done = cli("plot", source, "tradeoff", "--to", tmp_path / "x.png")
    assert done.code == 1 and "Pictures need Chrome or Chromium" in done.err and "--to tradeoff.html needs" in done.err
    monkeypatch.setattr(plot, "find_spec", lambda _: None)
    done = cli("plot", source, "tradeoff", "--to", tmp_path / "x.png")
    assert done.code == 1 and "pip install 'hydra-ax-mo[images]'" in done.err


@needs_browser
def test_picture_is_drawn_by_the_machines_browser(cli: Cli, make: Make, tmp_path: Path) -> None:
    pytest.importorskip("kaleido")
    done = cli("plot", make(12).directory, "tradeoff", "--to", tmp_path / "x.svg")
    assert done.code == 0, done.err
    text = (tmp_path / "x.svg").read_text()
    assert text.startswith("<svg") and 'width="1000"' in text and "num_params (lower is better" in text
