"""Words of the commands: where a study and its trials stand, thresholds, commands to paste, the newest sweep."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status
from ax_mo.hydra_project.program import Program
from ax_mo.storage.directory_lock import sole_sweeper
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.curve import append
from tests.support import studies

from .conftest import Cli, Make, stored


def half_done(directory: Path) -> StudySnapshot:
    """Six trials of 20: two that run, or ran when their sweeper was killed."""
    points = studies.QuasiRandomPoints(studies.FLAT, 1)
    trials = [studies.trial(n, point) for n, point in zip(range(6), points, strict=False)]
    for n, status in ((4, Status.RUNNING), (5, Status.ASKED)):
        started = trials[n].started if status is Status.RUNNING else None
        trials[n] = replace(trials[n], status=status, metrics={}, started=started, ended=None)
    return stored(studies.record(directory, trials))


def test_trials_of_a_killed_sweeper_are_unfinished_and_not_running(cli: Cli, tmp_path: Path) -> None:
    directory = half_done(tmp_path / "s").directory
    out = cli("status", directory).out
    assert "study: not running, 4 of 20 trials ended (4 completed, 2 unfinished)" in out
    assert "2 trials were left by a sweeper that is gone: 4, 5" in out
    assert "resume with: python train.py -m" in out and "running, 4 of 20" not in out.replace("not running", "")
    found = json.loads(cli("status", directory, "--json").out)
    assert found["state"] == "not running" and found["unfinished"] == [4, 5]
    assert "(The study is not running; 4 of 20 trials have ended.)" in cli("pareto", directory).out
    assert cli("show", directory, 4).out.startswith("trial 4: unfinished\n  No sweeper is running;")
    done = cli("promote", directory, 4, "--to", tmp_path / "best.yaml")
    assert "Trial 4 was left unfinished. Only a trial with metrics is promoted." in done.err


def test_trials_of_a_running_sweeper_run(cli: Cli, tmp_path: Path) -> None:
    directory = half_done(tmp_path / "s").directory
    with sole_sweeper(directory):
        out = cli("status", directory).out
        assert "study: running, 4 of 20 trials ended (4 completed, 1 about to start, 1 running)" in out
        assert "resume" not in out and "unfinished" not in out
        assert "(The study is running; 4 of 20 trials have ended.)" in cli("pareto", directory).out
        assert cli("show", directory, 4).out.startswith("trial 4: running\n")
        done = cli("promote", directory, 4, "--to", tmp_path / "best.yaml")
        assert "Trial 4 is still running. Only" in done.err


def test_study_with_all_its_trials_is_ended(cli: Cli, make: Make) -> None:
    directory = make(20, mixed=False).directory
    out = cli("status", directory).out
    assert "study: ended, 20 of 20" in out and "go on, with more n_trials: " in out
    assert "The study is" not in cli("pareto", directory).out


def test_running_trial_shows_what_it_has_reported(cli: Cli, tmp_path: Path) -> None:
    record = half_done(tmp_path / "s")
    (record.directory / "4").mkdir()
    for step in range(13):
        append(record.directory / "4" / "curve.jsonl", step, 0.5, {"val_acc": step / 16, "loss": 1.0})
    out = cli("show", record.directory, 4).out
    assert "reported so far:\n  val_acc = 0.75\n  loss = 1\n" in out
    assert "learning curve:\n  (3 earlier ones)\n  step  val_acc  loss\n     3   0.1875     1\n" in out
    found = json.loads(cli("show", record.directory, 4, "--json").out)
    assert found["curve"][12] == {"step": 12, "time": 0.5, "metrics": {"val_acc": 0.75, "loss": 1.0}}


def short_of_thresholds(directory: Path, *values: tuple[float, float]) -> Path:
    points = studies.QuasiRandomPoints(studies.FLAT, 1)
    trials = [
        studies.trial(n, point, metrics={"val_acc": acc, "num_params": size, "seconds": 1.0})
        for n, ((acc, size), point) in enumerate(zip(values, points, strict=False))
    ]
    return stored(studies.record(directory, trials)).directory


def test_best_meets_every_threshold_or_is_marked(cli: Cli, tmp_path: Path) -> None:
    directory = short_of_thresholds(tmp_path / "a", (0.9, 9999), (0.7, 5000), (0.1, 10))
    out = cli("status", directory).out
    assert "best num_params  5000  (trial 1)  minimize, threshold 9000, log scale\n" in out
    chosen = cli("pareto", directory, "--max", "val_acc").out
    assert chosen.splitlines()[1].split()[0] == "1" and "threshold" not in chosen and "misses" not in chosen

    directory = short_of_thresholds(tmp_path / "b", (0.9, 9999), (0.1, 10))
    out = cli("status", directory).out
    assert "best num_params  10  (trial 1)  minimize, threshold 9000, log scale; does not meet every threshold\n" in out
    assert not json.loads(cli("status", directory, "--json").out)["best"]["val_acc"]["meets_thresholds"]
    for how in (["--max", "val_acc"], ["--knee"]):
        chosen = cli("pareto", directory, *how).out
        assert "0 *" in chosen and "* does not meet every threshold" in chosen
        assert "It misses num_params <= 9000; no trial meets every threshold." in chosen
    assert " from val_acc=0.6, num_params=9000 (num_params in decades)\n" in out
    compared = cli("compare", directory).out
    assert "hypervolume from val_acc=0.6, num_params=9000 (num_params in decades); of all:" in " ".join(
        compared.split()
    )
    assert "0.9 *" in compared and compared.endswith("* does not meet every threshold\n")


def test_empty_front_names_conditions_only_where_there_are_any(cli: Cli, make: Make) -> None:
    directory = make(0).directory
    assert cli("pareto", directory).out.startswith("The front is empty: no trial has a result.\n")
    directory = make(12, name="other").directory
    out = cli("pareto", directory, "--where", "num_params <= 1").out
    assert "The front is empty: none of the" in out and "meets the conditions." in out


# Commands to paste


def with_commands(record: StudySnapshot, place: Path) -> StudySnapshot:
    """The study of a project at ``place``, whose trials ran as commands, as with the torchx launcher."""
    place.mkdir(exist_ok=True)
    typed = ("python", "train.py", "-m")
    program = Program(("python", "train.py"), ("--config-name", "a b's"), (), typed, place, None, "python")
    for trial in record.trials:
        (record.directory / str(trial.number)).mkdir()
        (record.directory / str(trial.number) / "command.sh").touch()
    (record.directory / "study.db").unlink()
    return stored(replace(record, program=program))


def test_commands_bring_the_directory_that_they_need(
    cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "my project"
    record = with_commands(make(20, mixed=False), place)
    front = json.loads(cli("pareto", record.directory, "--json").out)[0]["trial"]
    shown = f"cd '{place}' && python train.py --config-name \"a b's\" --config-dir"
    assert f"Run it again: {shown}" in cli("pareto", record.directory, "--knee").out
    assert f"  {shown} {record.directory} +pareto=trial_{front}" in cli("show", record.directory, front).out
    assert f"go on, with more n_trials: cd '{place}' && python train.py -m" in cli("status", record.directory).out
    monkeypatch.chdir(place)
    assert "Run it again: python train.py" in cli("pareto", record.directory, "--knee").out
    assert json.loads(cli("show", record.directory, front, "--json").out)["pareto_command"].startswith(shown)


def test_shown_command_leaves_the_trials_files_alone_and_reads_well(cli: Cli, make: Make, tmp_path: Path) -> None:
    record = with_commands(make(12, mixed=False), tmp_path / "p")
    out = cli("show", record.directory, 3).out
    again = out.partition("run it again:\n  ")[2].splitlines()[0]
    words = shlex.split(again)
    assert again.startswith(f'cd {tmp_path}/p && python train.py --config-name "a b\'s" ')
    assert words[3:7] == ["python", "train.py", "--config-name", "a b's"]
    assert [word for word in words if "hydra." in word] == ["hydra.mode=RUN"]
    assert "started again, it writes into the trial's directory" in out
    found = json.loads(cli("show", record.directory, 3, "--json").out)
    assert found["run_again"] == again and f"hydra.run.dir={record.directory}/3" in found["command"]


def test_runs_are_listed_only_where_trials_are_repeated(cli: Cli, make: Make, tmp_path: Path) -> None:
    single = json.loads(cli("show", make(3).directory, 1, "--json").out)
    assert "runs" not in single and {"config", "command", "curve", "logs"} <= set(single)
    trials = [
        replace(trial, repeat=repeat, overrides=(*trial.overrides, f"seed={repeat}"), directory=f"0/{repeat}")
        for trial in [studies.trial(0, next(iter(studies.QuasiRandomPoints(studies.FLAT, 1))))]
        for repeat in (0, 1)
    ]
    directory = stored(studies.record(tmp_path / "r", trials)).directory
    found: dict[str, Any] = json.loads(cli("show", directory, 0, "--json").out)
    assert [run["repeat"] for run in found["runs"]] == [0, 1] and "config" not in found
    assert all({"config", "command", "curve", "logs", "metrics"} <= set(run) for run in found["runs"])


# The newest sweep


def test_source_may_be_left_out_for_the_newest_sweep(
    cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("status")
    assert done.code == 1 and f"Name a study: {tmp_path} has no sweep below it." in done.err
    assert cli().out == cli("--help").out
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "closed").mkdir(mode=0)
    old, new = make(3, name="multirun/2026-11-02/10-15-00"), make(4, name="multirun/2026-11-01/09-00-00")
    for age, record in enumerate((new, old)):
        os.utime(record.directory / "study.db", (1e9 - age, 1e9 - age))
    for line in (["status"], ["pareto"], ["pareto", "--max", "val_acc"], ["export", "--to", "trials.json"]):
        done = cli(*line)
        assert (done.code, done.err) == (0, "ax-mo: multirun/2026-11-01/09-00-00\n"), line
    assert cli().out == cli("status").out
    assert json.loads(cli("status", "--json").out)["directory"].endswith("09-00-00")
    assert cli("pareto", "--max", "val_acc", "multirun/2026-11-02/10-15-00").err == ""


def test_trial_is_of_the_newest_sweep_where_none_is_named(
    cli: Cli, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(3, name="logs/train/multiruns/2026-11-02_10-15-00")
    make(3, name="7")  # a directory that is called as a trial may be
    for name, age in (("7", 1), ("logs/train/multiruns/2026-11-02_10-15-00", 0)):
        os.utime(tmp_path / name / "study.db", (1e9 - age, 1e9 - age))
    assert cli("show", 2).out.startswith("trial 2: completed")
    assert cli("show", 2).err == "ax-mo: logs/train/multiruns/2026-11-02_10-15-00\n"
    assert "The study has no trial 7" in cli("show", 7).err
    assert cli("show", 7, 2).err == "" and cli("show", "7", "--lines", 3, 2).out.startswith("trial 2: completed")
    for line in (["show", "7/"], ["show", "7/", "--json"], ["show", tmp_path / "7"]):
        done = cli(*line)
        assert done.code == 2 and "ax-mo show: error: the following arguments are required: TRIAL" in done.err, line
    assert cli("show", 7, 2, 3).code == 2
    done = cli("promote", 2, "--to", tmp_path / "best.yml")
    assert "best.yml cannot be named" in done.err
    assert "Trial 1 is not running" in cli("stop", 1, 2).err
    assert "Noted: the study is not running" in cli("set", "n_trials=90").out
    assert cli("set", "--json", "7", "n_trials=90").err == ""
    assert cli("enqueue", "7").code == 2
    monkeypatch.chdir("7")
    assert cli("show", 1).err == "ax-mo: .\n"


def test_status_tells_what_runs_from_what_waits_in_a_queue(cli: Cli, tmp_path: Path) -> None:
    runs = list(half_done(tmp_path / "s").runs)
    runs[5] = replace(runs[5], status=Status.RUNNING, handle="slurm://ax_mo/1")
    directory = stored(studies.record(tmp_path / "t", runs)).directory
    with sole_sweeper(directory):
        assert "(4 completed, 1 running, 1 pending)" in cli("status", directory).out
        assert json.loads(cli("status", directory, "--json").out)["pending"] == [5]
