"""The pictures of the documentation, made from real sweeps of the example project.

``python docs/_tools/pictures.py [tutorial published architectures]``: sweeps in /tmp/ax_mo (one that is there already
goes on, or is taken as it is), and a browser that takes pictures of their pages into docs/img/. It needs chromium, and
tmux for the picture of a terminal.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

import ax_mo

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE, BUILD, IMAGES = ROOT / "example_project", Path("/tmp/ax_mo"), ROOT / "docs" / "img"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COLUMNS, ROWS = 112, 24
"""Of the terminal that is shown."""


def tutorial() -> None:
    """The tutorial's search, in a project as its page makes it, with the experiment that stands there."""
    project = BUILD / "digits"
    if not project.exists():
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("experiment", "multirun", "outputs"))
    page = (ROOT / "docs" / "tutorial" / "first_search.md").read_text()
    ((name, text),) = re.findall(r'^```yaml title="(conf/experiment/\S+)"\n(.*?)^```', page, re.MULTILINE | re.DOTALL)
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text(text)
    directory = sweep(project, "tutorial", ["+experiment=search"], shown_after=12)
    figures = ("tradeoff", "sensitivity", "parallel", "hypervolume")
    parts = {f"#figure-{figure}": f"tutorial_{figure}" for figure in figures}
    take(directory / "report.html", {**parts, ".panels": "tutorial_validation"})


def published() -> None:
    """The search of Meta's tutorial: our figures, and those of the tutorial by Ax, from the same trials."""
    from ax_figures import tutorial_figures

    directory = sweep(EXAMPLE, "published", ["+experiment=published_nas"])
    take(
        directory / "report.html",
        {"#figure-tradeoff": "published_tradeoff", "#figure-validation-0": "published_validation"},
    )
    for name, figure in tutorial_figures(directory).items():
        picture(figure, name)
    for metric in ("val_acc", "num_params"):
        contour = ax_mo.load(directory).plot_contour("model.hidden1", "model.hidden2", metric=metric)
        picture(contour, f"published_contour_{metric}")


def architectures() -> None:
    """The example's conditional search, of which the gallery has the whole page."""
    directory = sweep(EXAMPLE, "architectures", ["+experiment=architectures"])
    take(directory / "report.html", {"body": "gallery_architectures"}, kind="jpeg")


def sweep(project: Path, name: str, overrides: Sequence[str], shown_after: int | None = None) -> Path:
    """The directory of a sweep that has ended; ``shown_after`` so many trials, a picture of its terminal is taken."""
    directory = BUILD / name
    if (directory / "report.html").exists():
        return directory
    argv = ["python", "train.py", "-m", *overrides, "hydra.sweeper.seed=1", f"hydra.sweep.dir={directory}"]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if shown_after is None:
        subprocess.run(argv, cwd=project, check=True)
    else:
        in_terminal(argv, project, directory / "trials.csv", shown_after, f"{name}_terminal")
    subprocess.run([sys.executable, "-m", "ax_mo", "report", str(directory)], check=True)
    return directory


def in_terminal(argv: Sequence[str], project: Path, table: Path, trials: int, name: str) -> None:
    """Run a sweep in a terminal of its own, and draw what that shows when so many trials have ended."""
    session = f"pictures-{os.getpid()}"
    tmux = ["tmux", "-L", session]
    line = shlex.join(argv)
    subprocess.run(
        [*tmux, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(project), line], check=True
    )
    drawn = False
    while subprocess.run([*tmux, "has-session"], capture_output=True, check=False).returncode == 0:
        if not drawn and table.exists() and len(table.read_text().splitlines()) > trials:
            screen = subprocess.run(
                [*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True, check=True
            ).stdout
            draw_terminal(screen, name)
            drawn = True
        time.sleep(0.2)


def draw_terminal(screen: str, name: str) -> None:
    """A terminal's text, with its colours, as an SVG."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi(screen.rstrip()), soft_wrap=True)
    text = console.export_svg(title="python train.py -m +experiment=search", font_aspect_ratio=0.61)
    text = re.sub(r"@font-face \{.*?\}\n?", "", text, flags=re.DOTALL)  # which would be loaded from elsewhere
    text = text.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")
    (IMAGES / f"{name}.svg").write_text(text)


def take(page: Path, parts: Mapping[str, str], kind: str = "png") -> None:
    """Pictures of parts of a report, by the parts' selectors."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.getuid() == 0 else []
        )
        opened = browser.new_context(viewport={"width": 1180, "height": 900}, offline=True).new_page()
        opened.goto(page.as_uri())
        opened.wait_for_selector("html[data-ready=yes]", timeout=120_000)
        for selector, name in parts.items():
            _shoot(opened, selector, name, kind)
        browser.close()


def _shoot(page: Page, selector: str, name: str, kind: str) -> None:
    part = page.locator(selector)
    part.scroll_into_view_if_needed()
    page.mouse.move(1, 1)
    quality: dict[str, Any] = {"type": "jpeg", "quality": 55} if kind == "jpeg" else {"type": "png"}
    part.screenshot(path=IMAGES / f"{name}.{kind}", **quality)


def picture(figure: Any, name: str) -> None:
    """Of a plotly figure."""
    BUILD.mkdir(parents=True, exist_ok=True)
    page = BUILD / f"{name}.html"
    figure.update_layout(width=620, height=480, title=None, margin={"t": 30})
    figure.write_html(page, config={"displayModeBar": False})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.getuid() == 0 else []
        )
        opened = browser.new_context(offline=True).new_page()
        opened.goto(page.as_uri())
        opened.wait_for_selector(".main-svg")
        _shoot(opened, ".plotly-graph-div", name, "png")
        browser.close()


if __name__ == "__main__":
    MADE = {function.__name__: function for function in (tutorial, published, architectures)}
    for each in sys.argv[1:] or MADE:
        MADE[each]()
