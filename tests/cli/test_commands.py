"""Each command on studies of any size and kind: what it prints, and what it says to what is wrong."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import ax_mo
from ax_mo.cli.commands import COMMANDS
from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status
from ax_mo.hydra_project.program import how_to_resume
from ax_mo.search_space.parameters import Choice, Option
from ax_mo.search_space.space import SearchSpace
from tests.support import studies

from .conftest import Cli, Make, all_failed, stored

ROOT = Path(__file__).resolve().parents[2]
AWKWARD = "\x1b[31mred\x1b[0m <script>alert(1)</script> a|b\r\nnext"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import atexit, sys; from ax_mo.cli.main import main; heavy = {'ax', 'torch', 'hydra', 'pandas', 'plotly', "
        "'sqlalchemy', 'omegaconf', 'yaml'}; "
        "atexit.register(lambda: print('imported:', *sorted(heavy & set(sys.modules)))); main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "imported:"


def test_every_command_has_help_with_an_example(cli: Cli) -> None:
    for command in COMMANDS:
        done = cli(command, "--help")
        assert done.code == 0 and f"example:\n  ax-mo {command} " in done.out
        assert command in cli("--help").out


def test_wrong_usage_is_exit_code_2(cli: Cli) -> None:
    for line in ("frobnicate", "pareto s --format xml", "show s", "show s 1 --lines x", "promote s 1", "compare"):
        done = cli(*line.split())
        assert done.code == 2 and done.err.startswith("usage: ax-mo") and done.out == "", line


def test_status_tells_counts_best_front_failures_and_how_to_go_on(cli: Cli, make: Make) -> None:
    record = make(30)
    out = cli("status", record.directory).out
    assert "study: not running, 29 of 30 trials ended" in out
    assert "27 completed, 1 failed, 1 stopped early, 1 imported" in out
    assert "best val_acc" in out and "best num_params" in out and "hypervolume" in out
    assert "trial 4: RuntimeError: CUDA out of memory" in out
    assert how_to_resume(record.program, record.directory) in out
    found = json.loads(cli("status", record.directory, "--json").out)
    assert (
        found["state"] == "not running"
        and found["unfinished"] == []
        and found["counts"]["completed"] == 27
        and found["n_trials"] == 30
    )
    assert found["best"]["val_acc"]["trial"] in found["front"]


def test_status_counts_the_points_in_place_of_the_models(cli: Cli, make: Make, tmp_path: Path) -> None:
    trials = [replace(trial, generator="sobol_timeout") if trial.number > 9 else trial for trial in make(12).trials]
    directory = stored(studies.record(tmp_path / "late", trials)).directory
    assert (
        "  suggestions  2 trials ran quasi-random points in place of the model's: 2 as" in cli("status", directory).out
    )
    found = json.loads(cli("status", directory, "--json").out)
    assert found["in_place_of_model"] == {"timeout": 2, "error": 0}


def test_status_says_that_no_trial_meets_the_constraints(cli: Cli, make: Make, tmp_path: Path) -> None:
    of = make(12)
    assert "constraints" not in cli("status", of.directory).out
    found = json.loads(cli("status", of.directory, "--json").out)["constraints"]
    met = sum(of.goals.feasible(trial.metrics) for trial in of.trials if trial.status.has_metrics)
    assert found == [{"constraint": "seconds <= 45", "met": met, "of": 10}]
    strict = parse_goals({"val_acc": "maximize", "num_params": "minimize"}, None, ["seconds <= 1"])
    directory = stored(studies.record(tmp_path / "strict", of.trials, strict)).directory
    out = cli("status", directory).out
    assert "  constraints  none of the 10 completed and imported trials meets the constraint 'seconds <= 1'\n" in out
    found = json.loads(cli("status", directory, "--json").out)["constraints"]
    assert found == [{"constraint": "seconds <= 1", "met": 0, "of": 10}]


@pytest.mark.parametrize(("count", "objectives"), [(0, 2), (1, 1), (40, 1), (40, 4)])
def test_every_reading_command_holds_for_any_study(
    cli: Cli, make: Make, tmp_path: Path, count: int, objectives: int
) -> None:
    directory = make(count, objectives).directory
    for form in ("table", "csv", "json", "md"):
        done = cli("pareto", directory, "--format", form)
        assert done.code == 0 and done.err == ""
    assert cli("status", directory).code == 0
    knee = cli("pareto", directory, "--knee")
    nothing = "ax-mo: There is nothing to choose from: no trial has a result.\n"
    assert (knee.code, knee.err) == ((0, "") if count else (1, nothing))
    assert cli("compare", directory, directory).code == 0
    assert cli("compare", directory, "--html", tmp_path / "c.html").code == 0
    for name in ("trials.csv", "trials.json"):
        assert cli("export", directory, "--to", tmp_path / name).code == 0
    assert cli("show", directory, 0).code == (0 if count else 1)


def test_study_whose_trials_all_failed(cli: Cli, tmp_path: Path) -> None:
    directory = all_failed(tmp_path / "s").directory
    assert "best val_acc  no result yet" in cli("status", directory).out
    assert cli("pareto", directory).out == "The front is empty: no trial has a result.\n"
    assert cli("pareto", directory, "--json").out == "[]\n"
    done = cli("pareto", directory, "--max", "val_acc")
    assert (done.code, done.err) == (1, "ax-mo: There is nothing to choose from: no trial has a result.\n")
    assert "out of memory" in cli("show", directory, 2).out
    done = cli("promote", directory, 2, "--to", tmp_path / "best.yaml")
    assert done.code == 1 and "Trial 2 failed: RuntimeError: out of memory. Only" in done.err
    assert cli("compare", directory).code == 0


def awkward(directory: Path) -> Path:
    space = SearchSpace((Choice("name", (Option(AWKWARD, "x"), Option("plain", "plain"))),))
    good, bad = (studies.trial(n, {"model": "cnn", "optim.lr": 0.1}, SearchSpace(())) for n in (0, 1))
    metrics = {"val_acc": 0.9, "num_params": 1.0, "seconds": 1, AWKWARD: 1.0}
    good = replace(good, point={"name": AWKWARD}, overrides=(f"name={AWKWARD}",), metrics=metrics)
    bad = replace(bad, point={"name": "plain"}, status=Status.FAILED, metrics={}, reason=AWKWARD, stderr_tail=AWKWARD)
    trials = [good, bad]
    record = stored(studies.record(directory, trials, space=space))
    (directory / "1").mkdir()
    (directory / "1" / "stderr.log").write_text(f"progress 1 %\rprogress 99 %\n{AWKWARD}\n\0")
    return record.directory


def test_nothing_that_a_trial_returned_drives_the_terminal(cli: Cli, tmp_path: Path) -> None:
    directory = awkward(tmp_path / "s")
    lines = [
        ("status",), ("status", "--json"), ("pareto",), ("pareto", "--format", "md"), ("pareto", "--knee"), ("show", 0),
        ("show", 1), ("show", 1, "--json"), ("compare",), ("pareto", "--max", AWKWARD), ("pareto", "--max", "nope"),
    ]  # fmt: skip
    for line in lines:
        done = cli(line[0], directory, *line[1:])
        assert not any(c in done.out + done.err for c in "\x1b\r\0"), line
    assert "[31m" not in cli("show", directory, 1).out
    assert not any("[31m" in line for line in json.loads(cli("show", directory, 1, "--json").out)["logs"]["stderr.log"])
    assert "progress 99 %" in cli("show", directory, 1).out and "progress 1 %" not in cli("show", directory, 1).out
    row = next(csv.DictReader(io.StringIO(cli("pareto", directory, "--format", "csv").out, newline="")))
    assert row["params.name"] == AWKWARD  # for a program, unchanged


def test_one_point_is_picked(cli: Cli, make: Make) -> None:
    record = make(30)
    directory = record.directory
    (found,) = json.loads(cli("pareto", directory, "--max", "val_acc", "--where", "num_params <= 5000", "--json").out)
    rows = json.loads(cli("pareto", directory, "--where", "num_params <= 5000", "--json").out)
    assert found["metrics"]["val_acc"] == max(row["metrics"]["val_acc"] for row in rows)
    assert found["metrics"]["num_params"] <= 5000
    (least,) = json.loads(cli("pareto", directory, "--min", "width", "--where", "act = tanh", "--json").out)
    known = [t for t in record.trials if t.status.has_metrics and record.goals.feasible(t.metrics)]
    fine = [t.point["width"] for t in known if t.point["act"] == "tanh" and record.goals.meets_thresholds(t.metrics)]
    assert least["params"]["act"] == "tanh" and least["params"]["width"] == min(fine)
    text = cli("pareto", directory, "--knee").out
    assert "Run it again: python train.py --config-dir" in text and "+pareto=trial_" in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pareto {s} --max val_ac", "--max: no trial has a metric or parameter 'val_ac'. Did you mean 'val_acc'?"),
        ("pareto {s} --where x<=1", "where: 'x<=1': no trial has a metric or parameter 'x'."),
        ("pareto {s} --where num_params", "where: 'num_params' needs exactly one '<=', '>=', "),
        ("pareto {s} --where act=rely", "act has no value 'rely'. Did you mean 'relu'? It has: relu, tanh, gelu."),
        ("pareto {s} --min act", "--min: the parameter 'act' is no number"),
        ("pareto {s} --max val_acc --where num_params<=1", "meets the conditions."),
        ("pareto {s} --knee --max val_acc", "give one of them"),
        ("pareto {s} --json --format csv", "contradict each other"),
        ("show {s} 99", "The study has no trial 99; its trials are 0 to 29."),
        ("show {s} best", "'best' is no trial"),
        ("status {t}/nothing", "nothing holds no study.db"),
        ("status sqlite:///{t}/nothing.db/nas", "there is no database in"),
        ("status sqlite:///{s}/study.db/nas", "holds no study 'nas'"),
        ("status nonsense://a/b/c", "ax-mo: 'nonsense://a/b' is no SQLAlchemy URL"),
        ("export {s} --to {t}/trials.xlsx", "ends in none of .ax.json, .csv, .db, .json, .parquet"),
        ("export {s} --to {t}/no/trials.csv", "There is no directory"),
        ("promote {s} 1 --to {t}/best.yml", "best.yml cannot be named on Hydra's command line, as +"),
        ("promote {s} 1 --to {t}/7.yaml", "7.yaml cannot be named on Hydra's command line"),
        ("promote {s} 1 --to {t}/null.yaml", "begins with a letter and is no value such as null"),
        ("promote {s} 1 --to {t}/best.yaml", "Trial 1 is not on the front, so has no file there, and the project does"),
        ("rebuild {s}", "holds no study.json"),
        ("rebuild {t}/nothing", "There is no directory"),
        ("compare {s} {t}/nothing", "nothing holds no study.db"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_1(cli: Cli, make: Make, tmp_path: Path, line: str, said: str) -> None:
    directory = make(30).directory
    done = cli(*(word.format(s=directory, t=tmp_path) for word in line.split()))
    assert done.code == 1 and done.out == ""
    assert done.err.startswith("ax-mo: ") and done.err.count("\n") == 1
    assert said in done.err


def test_damaged_database_is_told_in_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("not a database, but long enough to be taken for one " * 99)
    done = cli("status", tmp_path)
    assert done.code == 1 and "cannot be used: file is not a database" in done.err


def test_study_is_found_in_a_database_that_is_elsewhere(cli: Cli, make: Make) -> None:
    record = make(12)
    assert "11 of 20 trials" in cli("status", f"sqlite:///{record.directory}/study.db/study").out


def test_export_refuses_to_overwrite(cli: Cli, make: Make, tmp_path: Path) -> None:
    directory, path = make(12).directory, tmp_path / "trials.json"
    assert cli("export", directory, "--to", path).code == 0
    assert "--force overwrites it" in cli("export", directory, "--to", path).err
    assert cli("export", directory, "--to", path, "--force").code == 0
    found = json.loads(path.read_text())
    assert len(found["trials"]) == 12
    assert found["objectives"]["val_acc"] == {"goal": "maximize", "threshold": 0.6, "scale": "linear"}


def exported_csv(cli: Cli, directory: Path, tmp_path: Path) -> list[list[str]]:
    assert cli("export", directory, "--to", tmp_path / "trials.csv", "--force").code == 0
    return list(csv.reader(io.StringIO((tmp_path / "trials.csv").read_text(), newline="")))


def test_csv_has_the_columns_of_the_notebook(cli: Cli, make: Make, tmp_path: Path) -> None:
    record = make(12)
    header, *rows = exported_csv(cli, record.directory, tmp_path)
    study = ax_mo.load(record.directory)
    assert header == ["trial", *study.trials.columns]
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert {int(row["trial"]) for row in found if row["pareto"] == "true"} == set(study.pareto.index)
    first = next(row for row in found if row["trial"] == "0")
    trial = next(trial for trial in record.trials if trial.number == 0)
    assert first["directory"] == str(record.directory / "0") and first["started"] == trial.started
    assert first["params.width"] == str(trial.point["width"])
    assert float(first["metrics.val_acc"]) == trial.metrics["val_acc"]
    shown = list(csv.reader(io.StringIO(cli("pareto", record.directory, "--format", "csv").out)))
    assert shown[0] == header and all(row in rows for row in shown[1:])


@pytest.mark.parametrize("form", ["csv", "json", "md", "table"])
def test_front_has_one_order_in_every_format(cli: Cli, make: Make, form: str) -> None:
    directory = make(30).directory
    out = cli("pareto", directory, "--format", form).out
    numbers = {
        "csv": lambda: [row["trial"] for row in csv.DictReader(io.StringIO(out))],
        "json": lambda: [str(row["trial"]) for row in json.loads(out)],
        "md": lambda: [line.split("|")[1].strip().replace("imported ", "-") for line in out.splitlines()[2:]],
        "table": lambda: [line.replace("imported ", "-").split()[0] for line in out.splitlines()[1:-2]],
    }[form]()
    front = ax_mo.load(directory).pareto
    assert numbers == [str(number) for number in front.index] != sorted(numbers)


@pytest.mark.parametrize("space", [studies.FLAT, studies.CONDITIONAL], ids=["flat", "conditional"])
def test_ax_reads_its_snapshot(cli: Cli, make: Make, tmp_path: Path, space: SearchSpace) -> None:
    from ax.api.client import Client

    record = make(12, space=space, mixed=False)
    (record.directory / "0").mkdir()
    curve = [{"step": step, "time": step, "metrics": {"val_acc": step / 10}} for step in (1, 2)]
    (record.directory / "0" / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
    path = tmp_path / "study.ax.json"
    assert cli("export", record.directory, "--to", path).code == 0
    client = Client.load_from_json_file(str(path))
    experiment = client._experiment
    assert len(experiment.trials) == 12
    data = experiment.lookup_data().full_df
    assert {0.1, 0.2} <= set(data[(data["metric_name"] == "m0")]["mean"])
    assert experiment.description.startswith(
        "m0 = val_acc (maximize); m1 = log10(num_params) (minimize); c0 <= 45 is seconds"
    )


def test_optuna_reads_its_storage(cli: Cli, make: Make, tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    record = make(6, mixed=False)
    done = cli("export", record.directory, "--to", tmp_path / "optuna.db")
    assert done.code == 0 and "Wrote 6 trials to" in done.out
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path}/optuna.db")
    assert study.study_name == record.directory.name
    assert {trial.number for trial in study.best_trials} == set(ax_mo.load(record.directory).pareto.index)
    assert {path.name for path in tmp_path.iterdir()} == {record.directory.name, "optuna.db"}, "nothing beside it"


def test_studies_are_measured_from_one_reference_point(cli: Cli, make: Make, tmp_path: Path) -> None:
    small, large = make(12, 3, name="small"), make(40, 3, name="large")
    html = tmp_path / "c.html"
    done = cli("compare", small.directory, large.directory, "--html", html, "--json")
    found = json.loads(done.out)
    assert found["reference_point"]["val_acc"] == 0.6 and found["reference_point"]["num_params"] == 9000
    worst = max(t.metrics["latency"] for r in (small, large) for t in r.trials if t.status.has_metrics)
    assert found["reference_point"]["latency"] == worst
    first, second = found["studies"]
    assert 0 < first["hypervolume"] <= second["hypervolume"]
    assert first["on_joint_front"] <= len(first["front"])
    page = html.read_text(encoding="utf-8")
    assert "<h1>Comparison: small, large</h1>" in page and f">{second['hypervolume']:.6g}<" in page
    text = cli("compare", small.directory, large.directory).out
    assert "hypervolume from val_acc=0.6, num_params=9000, latency=" in text


def test_studies_of_other_objectives_are_not_compared(cli: Cli, make: Make) -> None:
    done = cli("compare", make(9, 2, name="a").directory, make(9, 3, name="b").directory)
    assert done.code == 1 and "The objectives differ" in done.err


def test_report_is_written_and_opened(cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or len(opened) == 1)
    record = make(12)
    done = cli("report", record.directory, "--open")
    assert (done.code, done.err) == (0, "") and "<html" in (record.directory / "report.html").read_text()[:500]
    assert opened == [(record.directory / "report.html").as_uri()]
    monkeypatch.setattr("ax_mo.html_report.update.update_report", lambda read, path: path.write_text("page"))
    done = cli("report", record.directory, "--to", tmp_path / "r.html", "--open")
    assert (tmp_path / "r.html").read_text() == "page"
    assert done.code == 1 and "No browser could be started; open file://" in done.err


def test_reader_that_has_seen_enough_is_no_error(make: Make) -> None:
    directory = make(40).directory
    line = f"{sys.executable} -m ax_mo show {directory} 0 --json | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")
