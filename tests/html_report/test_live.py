"""A study that runs elsewhere, watched: on its screen, and on its page in a real browser."""

import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from ax_mo.cli.main import main
from ax_mo.cli.watch import WatchedStudy
from ax_mo.core.trial import Status
from ax_mo.terminal.screen import screen_for_this_terminal
from tests.cli.conftest import stored
from tests.support import studies
from tests.support.browsing import PATIENCE, needs_browser
from tests.support.sweeps import Sweep, environment, start
from tests.support.trials import make_goals, make_run
from tests.support.waiting import read_until, wait_until

OPTIONS = (
    "x=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1", "hydra.sweeper.method=random_search",
)  # fmt: skip


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    sweep = Sweep(tmp_path)
    yield sweep
    sweep.gate.touch()


def watch(sweep: Sweep, *more: str):
    return start([sys.executable, "-m", "ax_mo", "watch", str(sweep.dir), *more], sweep.tmp_path, environment(), True)


def answer(url: str, host: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={} if host is None else {"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@needs_browser
def test_page_and_screen_follow_a_study_over_a_crash_to_its_end(sweep: Sweep, browser) -> None:
    sweeper = sweep.start(*OPTIONS, sweep.held)
    wait_until(lambda: sweep.under_way(1))
    on_screen, on_page = watch(sweep), watch(sweep, "--html")
    assert "running: 1 running, of 3 trials" in read_until(on_screen, "watching")
    url = next(word for word in read_until(on_page, "Ctrl-C ends it").split() if word.startswith("http://127.0.0.1:"))

    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    state = page.frame_locator("#page").locator(".state strong")
    state.get_by_text("running: 1 running, of 3 trials").wait_for()

    sweeper.kill()
    sweeper.wait()
    read_until(on_screen, "The study is not running, and has trials left. It is waited for; to resume: ")
    state.get_by_text("not running, 0 of 3 trials ended").wait_for()
    sweep.gate.touch()
    done = sweep.run(*OPTIONS, sweep.held)
    assert done.returncode == 0, done.output

    output, _ = on_screen.communicate(timeout=100)
    assert on_screen.wait() == 0, "it ends with the study"
    assert "ax_mo: trial 2 completed: loss=" in output and "ax_mo: ended: 3 completed" in output
    assert output.count("trial 0 completed") == 1 and f"Choose a point: ax-mo pareto {sweep.dir}" in output
    state.get_by_text("ended: 3 completed").wait_for()
    assert said == []

    status, told = answer(f"{url}0/")
    assert status == 404 and told == f"Files of trials are not served; they are in {sweep.dir}"
    assert answer(f"{url}page", host="elsewhere.example")[0] == 403, "no other name leads here"
    assert answer(f"{url}version", host="localhost:9000")[0] == 200, "but a tunnel does"
    page.context.close()
    on_page.send_signal(signal.SIGINT)
    on_page.communicate(timeout=100)
    assert on_page.wait() == 130


def test_study_that_has_ended_is_concluded_at_once(capsys: pytest.CaptureFixture[str], ended: Path) -> None:
    assert main(["watch", str(ended)]) == 0
    said = capsys.readouterr().out
    assert "ended" in said and "Pareto front: " in said


def test_change_of_a_scale_is_told_as_its_sweep_tells_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    losses = (make_run(n, status=Status.COMPLETED, metrics={"loss": v}) for n, v in enumerate((1.0, 0.5, 0.001)))
    before, _, after = (
        replace(studies.study(tmp_path), goals=make_goals(loss="minimize"), trials=t, runs=t, is_running=True)
        for t in accumulate((run,) for run in losses)
    )
    watched = WatchedStudy(str(tmp_path), screen_for_this_terminal())
    for record in (before, after, after):
        assert not watched.look(record)
    said = capsys.readouterr().out
    assert said.count("hydra.sweeper.objectives.loss: the values span two decades") == 1


def test_port_is_one_and_for_the_page(capsys: pytest.CaptureFixture[str], ended: Path) -> None:
    assert main(["watch", str(ended), "--port", "8080"]) == 1
    assert capsys.readouterr().err == "ax-mo: --port is for --html.\n"
    assert main(["watch", str(ended), "--html", "--port", "http"]) == 2
    assert "'http' is no port: a number up to 65535" in capsys.readouterr().err


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """The directory of a study that has ended."""
    return stored(studies.study(tmp_path / "ended", 20, mixed=False)).directory
