"""The page as text: what it holds, how large it is, and that nothing makes it fail."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.repeats import Repeats, aggregate_trials
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import Status
from ax_mo.html_report.document import script_json
from ax_mo.html_report.page import report_html
from ax_mo.html_report.rows import table_of
from ax_mo.html_report.state import title_of, titles_of
from ax_mo.html_report.text import clean
from ax_mo.hydra_project.program import Program, how_to_resume
from tests.support.studies import CONDITIONAL, FLAT, failed, record, study, trial

NASTY = "<script>alert(1)</script>\x1b[31mred\x1b[0m <!-- </script> \u2028 ${jndi} {{ 7*7 }} & \"'"

TIMES = "\N{MULTIPLICATION SIGN}"


def written(of, directory: Path, fitted: bool = False) -> str:
    return report_html(of, directory / "report.html", fitted)


def own_part(page: str) -> str:
    """Without plotly.js and our own script and style."""
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    start = page.index("<script>", page.index('id="data-figures"'))
    return page[:start]


def data(page: str, name: str):
    return json.loads(re.search(rf'id="data-{name}">(.*?)</script>', page, re.DOTALL).group(1))


@pytest.mark.parametrize(
    ("count", "objectives", "space"), [(0, 1, FLAT), (1, 2, CONDITIONAL), (30, 1, CONDITIONAL), (30, 4, FLAT)]
)
def test_page_is_whole(tmp_path, count, objectives, space):
    page = written(study(tmp_path, count, objectives, space), tmp_path)
    notes = re.findall(r'<p class="note">([^<]*)', own_part(page))
    assert set(notes) == {"The model is fitted for this page when the sweep ends."}
    assert len(data(page, "trials")["rows"]) == count
    assert {"tradeoff", "hypervolume", "parallel", "timeline"} <= data(page, "figures").keys()


def test_page_with_its_model(tmp_path):
    page = written(study(tmp_path, 15, space=CONDITIONAL), tmp_path, fitted=True)
    assert '<p class="note">' not in own_part(page)
    names = data(page, "figures").keys()
    assert {"sensitivity", "validation-0", "validation-1", "validation-2"} <= names and "validation-3" not in names
    assert len(data(page, "figures")["slice"]["choices"]) == 4 * 3, "each parameter and metric"
    pairs = [text.partition("</select>")[0] for text in own_part(page).split('<select data-choice="contour"')[1:2]]
    # Not width and channels: no trial has both.
    assert len(re.findall("<option>", pairs[0])) == 5 == len(data(page, "figures")["contour"]["choices"]) / 3
    assert "width and channels" not in pairs[0] and "channels and width" not in pairs[0]
    assert re.findall("<h3>([^<]*): ", own_part(page)) == ["val_acc", "num_params", "seconds"]


def test_too_few_trials_for_a_model_are_a_note(tmp_path):
    page = written(study(tmp_path, 2), tmp_path, fitted=True)
    assert own_part(page).count("A model needs 3 trials with metrics; this study has 2.") == 2


def test_failed_trials_alone_have_a_page(tmp_path):
    points = [trial.point for trial in study(tmp_path, 9).trials]
    trials = [failed(n, point, f"ValueError: {n % 2}", stderr_tail="boom") for n, point in enumerate(points)]
    page = own_part(written(record(tmp_path, trials), tmp_path, fitted=True))
    assert f"5 {TIMES} ValueError: 0" in page and f"4 {TIMES} ValueError: 1" in page
    assert page.index(f"5 {TIMES}") < page.index(f"4 {TIMES}")
    assert "No trial has values of all objectives yet (9 ended without)." in page


def nasty_study(tmp_path):
    point = {"model": "mlp", "optim.lr": 0.01, "width": 32, "act": "relu"}
    trials = [
        trial(0, {**point, "act": "tanh"}, overrides=(f"a='{NASTY}'",), metrics={NASTY: 1.0, "val_acc": 0.5}),
        failed(1, {**point, "act": "gelu"}, NASTY, stderr_tail=NASTY),
        trial(2, point, metrics={NASTY: 2.0, "val_acc": 0.7}, directory="<b>2</b>"),
    ]
    (tmp_path / "<b>2</b>").mkdir(parents=True)
    goals = parse_goals({NASTY: "minimize", "val_acc": "maximize"})
    return replace(record(tmp_path, trials, goals, settings={"method": NASTY}), name=NASTY)


def test_what_trials_returned_is_escaped(tmp_path):
    page = own_part(written(nasty_study(tmp_path), tmp_path))
    assert "\x1b" not in page and "[31m" not in page
    assert "<script>alert" not in page and "<b>2" not in page
    assert "{{ 7*7 }}" in page.split("What was asked")[0], "a template in a name is text, too"
    assert len(re.findall("<script", page)) == 2 == len(re.findall("</script", page))
    assert "default-src 'none'" in page and not re.findall(r'(?:src|href)="(?!#|data:|\./|file:)', page)


def test_script_data_cannot_end_its_element():
    text = script_json({"a": NASTY})
    assert json.loads(text) == {"a": NASTY}
    assert not set("<>&\u2028") & set(text)


def test_escape_sequences_of_terminals_are_left_out():
    assert clean("\x1b[1;31mred\x1b[0m \x1b]0;title\x07end") == "red end"
    assert clean("a\x00b\x9bc") == "a\ufffdb\ufffdc"
    assert clean("two\nlines\tä") == "two\nlines\tä"


def test_part_that_fails_is_a_note(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no <b>such</b> thing")

    for name in ("tradeoff.tradeoff", "progress.hypervolume_trace", "parallel.parallel_coordinates"):
        monkeypatch.setattr(f"ax_mo.html_report.{name}", broken)
    for name in ("timeline.timeline", "page.table_of", "page.by_first_objective"):
        monkeypatch.setattr(f"ax_mo.html_report.{name}", broken)
    page = written(study(tmp_path, 12), tmp_path)
    said = "This part could not be made: RuntimeError: no &lt;b&gt;such&lt;/b&gt; thing"
    assert own_part(page).count(said) == 6 and data(page, "trials")["rows"] == []


def test_trials_without_what_is_needed_are_notes_at_most(tmp_path):
    trials = [replace(trial, metrics={"val_acc": 0.5}) for trial in study(tmp_path, 5).trials]
    assert written(record(tmp_path, trials), tmp_path, fitted=True)


def test_repeats_have_their_spread_and_the_first_runs_command(tmp_path):
    base = study(tmp_path, 6, mixed=False)
    repeats = Repeats(2, "seed", 1)
    runs = [
        replace(run, metrics={name: value * (1 + 0.01 * (run.repeat or 0)) for name, value in trial.metrics.items()})
        for trial in base.trials
        for run in repeats.runs(trial)
    ]
    of = replace(base, trials=tuple(aggregate_trials(runs)), runs=tuple(runs))
    assert "attainment" in data(written(of, tmp_path), "figures")
    (row, *_) = table_of(of, tmp_path / "report.html")["rows"]
    assert all(row["errors"][:2])
    assert row["overrides"][-1] == "seed=1"


PROGRAM = Program(
    ("/usr/bin/python", "my train.py"), (), ("hydra.job.chdir=true",), (), Path("/the place"), None, "python"
)


def test_command_is_the_trials_own_without_its_place(tmp_path):
    of = replace(study(tmp_path, 3, mixed=False), program=PROGRAM)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "command.sh").touch()
    table = table_of(of, tmp_path / "report.html")
    filled = [table["commands"][row["command"]].replace("\0", shlex.join(row["overrides"])) for row in table["rows"]]
    words = ["/usr/bin/python", "my train.py", *of.trials[1].overrides, "hydra.job.chdir=true", "hydra.mode=RUN"]
    assert filled[1] == f"cd '/the place' && {shlex.join(words)}"
    assert filled[2] == shlex.join(of.trials[2].overrides)  # ran as no command


def test_directories_are_linked_from_where_the_page_is(tmp_path):
    of = study(tmp_path, 3)
    (tmp_path / "0").mkdir()
    rows = table_of(of, tmp_path / "report.html")["rows"]
    assert [row.get("href") for row in rows] == ["./0/", None, None]
    assert table_of(of, Path("/elsewhere/report.html"))["rows"][0]["href"] == (tmp_path / "0").as_uri()


def head(page: str) -> str:
    return own_part(page).split("What was asked")[0]


def test_study_says_how_to_resume_unless_it_has_ended(tmp_path):
    of = study(tmp_path, 12)
    page = written(of, tmp_path)
    assert "not running, 11 of 20 trials ended: 9 completed, 1 failed, 1 stopped early, 1 imported" in head(page)
    assert "Resume with" in head(page) and how_to_resume(of.program, tmp_path) in head(page)
    assert f"<h1>{tmp_path.name}</h1>" in page and f"<title>{tmp_path.name}: ax_mo study</title>" in page
    assert "reload" not in own_part(page)
    page = written(study(tmp_path, 30, mixed=False, settings={"n_trials": 30}), tmp_path)
    assert "ended: 30 completed" in head(page) and '<th scope="row">seed</th><td>1</td>' in page
    assert "not running" not in page and "Resume" not in own_part(page)


def test_study_that_ended_by_its_own_rules_says_which(tmp_path):
    done = study(tmp_path, 20, mixed=False, settings={"n_trials": 50})
    done = replace(done, stop_reason=StopReason(StopKind.TIMEOUT, "timeout_hours=2 are over"))
    page = head(written(done, tmp_path))
    assert "ended after 20 of 50 trials (timeout_hours=2 are over): 20 completed" in page
    assert "Resume" not in page
    left = replace(done.trials[0], number=20, status=Status.CANCELLED)
    page = head(written(replace(done, trials=(*done.trials, left), runs=(*done.runs, left)), tmp_path))
    assert "not running, 20 of 50 trials ended: 20 completed, 1 cancelled" in page and "Resume with" in page


def test_page_of_a_running_study_says_when_it_was_written(tmp_path):
    page = head(written(replace(study(tmp_path, 12), is_running=True), tmp_path))
    assert "running: 9 completed" in page and "of 20 trials" in page and "Resume" not in page
    assert re.search(r'<time id="written" datetime="[^"]+\+00:00">', page) and "reload the page" in page


@pytest.mark.parametrize(
    ("name", "directory", "title"),
    [
        ("study", "sweep1", "sweep1"),
        ("study", "2026-11-24/18-22-10", "2026-11-24/18-22-10"),
        ("train:/data/multirun/7", "7", "7"),
        ("nas", "sweep1", "nas"),
    ],
)
def test_study_without_a_name_is_called_after_its_directory(tmp_path, name, directory, title):
    assert title_of(replace(study(tmp_path / directory, 0), name=name)) == title


def test_studies_of_the_same_name_are_told_apart(tmp_path):
    a, b = (study(tmp_path / place / "sweep", 1) for place in ("a", "b"))
    assert titles_of([a, b]) == [str(tmp_path / "a" / "sweep"), str(tmp_path / "b" / "sweep")]
    assert titles_of([a, a]) == ["sweep (1)", "sweep (2)"]
    assert titles_of([a, replace(b, name="nas")]) == ["sweep", "nas"]


def test_thresholds_are_a_column_only_where_there_are_some(tmp_path):
    of = study(tmp_path, 12)
    assert "meets thresholds" in own_part(written(of, tmp_path))
    bare = record(tmp_path, of.trials, parse_goals({"val_acc": "maximize", "num_params": "minimize"}))
    page = own_part(written(bare, tmp_path))
    assert 'id="front"' in page and "meets thresholds" not in page


def test_limits_are_counted_among_trials_that_have_a_result(tmp_path):
    of = study(tmp_path, 12)
    page = own_part(written(of, tmp_path))
    counted = sum(trial.status in (Status.COMPLETED, Status.IMPORTED) for trial in of.trials)
    assert "How many of the completed and imported trials meet them" in page and f" of {counted}</td>" in page
    own = record(tmp_path, [trial for trial in of.trials if not trial.is_imported])
    assert "How many of the completed trials meet them" in own_part(written(own, tmp_path))


def test_constraints_that_no_trial_meets_are_said_where_the_front_would_be(tmp_path):
    of = study(tmp_path, 12)
    assert "There is no front yet" not in own_part(written(of, tmp_path))
    strict = parse_goals({"val_acc": "maximize", "num_params": "minimize"}, None, ["seconds <= 1", "latency <= 9"])
    page = own_part(written(record(tmp_path, of.trials, strict), tmp_path))
    said = "There is no front yet: none of the 10 completed and imported trials meets all constraints: "
    assert said + "&#39;seconds &lt;= 1&#39; is met by 0, &#39;latency &lt;= 9&#39; is met by 10." in page


def test_time_of_suggestions_is_shown_by_generator(tmp_path):
    trials = [replace(t, suggestion_seconds=None) for t in study(tmp_path, 6, mixed=False).trials]
    assert 'id="suggestions"' not in written(record(tmp_path, trials), tmp_path)
    times = {1: 0.25, 2: 0.5, 3: 3.0}
    trials = [replace(t, suggestion_seconds=times.get(t.number)) for t in trials]
    trials[5] = replace(trials[5], generator="model", suggestion_seconds=300.0)
    trials[4] = replace(trials[4], generator="sobol_timeout")
    page = written(record(tmp_path, trials), tmp_path)
    lines = re.findall(r"<tr>(?:<t[hd][^>]*>[^<]*</t[hd]>)+</tr>", page[page.index('id="suggestions"') :])[1:3]
    cells = [re.findall(r">([^<]+)</t[hd]>", line) for line in lines]
    assert cells == [["sobol", "3", "0.5 s", "3 s", "3.8 s"], ["model", "1", "5.0 min", "5.0 min", "5.0 min"]]
    assert "1 trial ran a quasi-random point in place of the model&#39;s: 1 as it took longer than" in page
    drawn = data(page, "figures")["suggestions"]["data"]
    assert [(bars["x"], bars["y"]) for bars in drawn] == [([1, 2, 3], [0.25, 0.5, 3.0]), ([5], [300.0])]


def test_running_trials_are_rows(tmp_path):
    of = study(tmp_path, 12)
    running = replace(of.trials[-1], status=Status.RUNNING, metrics={}, started=None, ended=None)
    of = record(tmp_path, [*of.trials[:-1], running])
    assert data(written(of, tmp_path), "trials")["rows"][-1]["status"] == "running"


def test_page_of_500_trials_is_small(tmp_path):
    of = replace(study(tmp_path, 500, 4), program=PROGRAM)
    metrics = {"val_acc": 1 / 7, "loss": 1 / 3}
    curve = "".join(json.dumps({"step": step, "time": step, "metrics": metrics}) + "\n" for step in range(100))
    for number in range(500):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "command.sh").touch()
        (tmp_path / str(number) / "curve.jsonl").write_text(curve)
    page = written(of, tmp_path)
    assert len(data(page, "figures")["curves"]["data"]) == 121 and len(page.encode()) < 6e6
