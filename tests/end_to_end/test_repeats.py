"""Each suggestion runs with several seeds, as parallel jobs of one trial."""

import signal
from collections import Counter

import pytest

from tests.support.waiting import interrupt_twice, wait_until

REPEATS = ("hydra.sweeper.repeats=3", "noise=1")


def runs(sweep):
    """The status of each repeat, by trial and repeat."""
    return {(int(row["trial"]), int(row["repeat"])): row["status"] for row in sweep.trials()}


def journal_of(sweep):
    path = sweep.tmp_path / "journal"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def test_trial_is_the_mean_of_its_repeats_and_fails_when_most_of_them_fail(sweep):
    sweep.objectives = "{loss: minimize, seconds: minimize}"
    done = sweep.run(
        "failing_seeds=choice([],[8],[7,9])", "x=0.3", "seed=7", *REPEATS, f"journal={sweep.tmp_path / 'journal'}",
        "hydra.sweeper.n_trials=9", "hydra.sweeper.n_jobs=3", "hydra.sweeper.max_failure_rate=1.0",
    )  # fmt: skip
    # The space holds three points, the project's own configuration among them.
    assert done.returncode == 0, done.output
    assert "ax_mo: the whole space was tried: 2 completed, 1 failed of 9 trials" in done.output
    lines = sweep.trials()
    assert lines[0]["params.failing_seeds"] == "[]" and lines[0]["generator"] == "config"
    assert [(line["trial"], line["repeat"], line["dir"]) for line in lines] == [
        (str(trial), str(repeat), f"{trial}/{repeat}") for trial in range(3) for repeat in range(3)
    ]
    of_trial = {line["params.failing_seeds"]: int(line["trial"]) for line in lines}
    for failing, trial in of_trial.items():
        for repeat, seed in enumerate((7, 8, 9)):
            (line,) = [line for line in lines if (line["trial"], line["repeat"]) == (str(trial), str(repeat))]
            if str(seed) in failing:
                assert (line["status"], line["reason"]) == ("failed", "ValueError: diverged at step 7")
            else:
                assert (line["status"], float(line["metrics.loss"])) == ("completed", seed)
    assert f"trial {of_trial['[8]']} completed: loss=8 ± 1  seconds=0" in done.output
    assert f"trial {of_trial['[]']} completed: loss=8 ± 0.58  seconds=0" in done.output
    why = "2 of 3 repeats failed; the first: ValueError: diverged at step 7"
    assert f"trial {of_trial['[7, 9]']} failed: {why}" in done.output
    solutions = {solution["trial"]: solution for solution in sweep.solutions()}
    assert set(solutions) == {of_trial["[]"], of_trial["[8]"]}
    assert solutions[of_trial["[8]"]]["values"] == {"loss": 8.0, "seconds": 0.0}
    assert solutions[of_trial["[8]"]]["standard_errors"] == {"loss": 1.0, "seconds": 0.0}
    assert journal_of(sweep) == Counter({line["dir"]: 1 for line in lines})
    # Each repeat's directory is complete, and a promoted point has the project's own seed, not a repeat's.
    assert "seed=9" in (sweep.dir / "0" / "2" / "command.sh").read_text()
    assert sweep.result("0/2")["metrics"]["loss"] == 9
    assert "seed: 7" in (sweep.dir / "pareto" / "trial_0.yaml").read_text()


def test_killed_sweeper_adopts_the_repeats_that_run_and_starts_those_that_wait(sweep):
    journal = sweep.tmp_path / "journal"
    options = ("x=interval(0,1)", *REPEATS, f"journal={journal}", sweep.held, "hydra.sweeper.n_trials=2",
               "hydra.sweeper.n_jobs=2")  # fmt: skip
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGKILL)
    first.wait()
    query = "select repeat, status from ax_mo_trial where number = 0"
    assert sweep.rows(query) == [(0, "running"), (1, "running"), (2, "asked")]
    done = sweep.run_and_release("Trial 0 repeat 1 is still running; watching it again.", *options)
    assert done.returncode == 0, done.output
    assert runs(sweep) == dict.fromkeys([(trial, repeat) for trial in range(2) for repeat in range(3)], "completed")
    assert journal_of(sweep) == {f"{trial}/{repeat}": 1 for trial in range(2) for repeat in range(3)}
    assert [solution["values"]["loss"] for solution in sweep.solutions()] == pytest.approx(
        [(float(sweep.trials()[3 * s["trial"]]["params.x"]) - 0.3) ** 2 + 1 for s in sweep.solutions()]
    )


@pytest.mark.long
def test_interrupted_trial_is_completed_by_a_resume_with_its_other_repeats(sweep):
    journal = sweep.tmp_path / "journal"
    options = ("x=interval(0,1)", *REPEATS, f"journal={journal}", sweep.held, "hydra.sweeper.n_trials=1",
               "hydra.sweeper.n_jobs=2")  # fmt: skip
    first = sweep.start(*options)
    wait_until(lambda: len(journal_of(sweep)) == 2)
    first.send_signal(signal.SIGINT)
    wait_until(lambda: "will be finished" in first.stdout.readline())
    sweep.gate.touch()
    output, _ = first.communicate(timeout=60)
    assert first.returncode == 0, output
    assert "interrupted: the running trials were finished: 0 completed, 0 failed of 1 trials" in output
    assert runs(sweep) == {(0, 0): "completed", (0, 1): "completed", (0, 2): "asked"}
    assert sweep.solutions() == []
    sweep.gate.unlink()
    second = sweep.start(*options)
    wait_until(lambda: len(journal_of(sweep)) == 3)
    output = interrupt_twice(second)
    assert second.returncode == 130, output
    assert runs(sweep) == {(0, 0): "completed", (0, 1): "completed", (0, 2): "cancelled"}
    sweep.gate.touch()
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert set(runs(sweep).values()) == {"completed"}
    assert journal_of(sweep) == {"0/0": 1, "0/1": 1, "0/2": 2}
    assert "1 completed, 0 failed of 1 trials" in done.output


@pytest.mark.long
def test_repeats_run_through_other_launchers_in_batches(sweep):
    done = sweep.run(
        "failing_seeds=choice([],[1,2])", *REPEATS, f"journal={sweep.tmp_path / 'journal'}",
        "hydra/launcher=basic", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.max_failure_rate=1.0",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    lines = sweep.trials()
    assert [line["dir"] for line in lines] == [f"{trial}/{repeat}" for trial in range(2) for repeat in range(3)]
    assert [line["status"] for line in lines] == [*["completed"] * 4, "failed", "failed"]
    assert [float(line["metrics.loss"]) for line in lines[:3]] == pytest.approx([0.04, 1.04, 2.04])
    assert "trial 1 failed: 2 of 3 repeats failed" in done.output
    assert journal_of(sweep) == Counter({line["dir"]: 1 for line in lines})
    assert (sweep.dir / "1" / "2" / ".hydra" / "config.yaml").exists()
    (solution,) = sweep.solutions()
    assert solution["standard_errors"]["loss"] == pytest.approx(3**-0.5)


@pytest.mark.long
def test_suggestion_that_does_not_compose_is_a_failed_trial_and_the_whole_space_is_tried(sweep):
    models = sweep.project / "conf" / "model"
    (models / "clash.yaml").write_text("defaults:\n  - sub: ${optim}\nwidth: 4\n")
    (models / "sub").mkdir()
    (models / "sub" / "adam.yaml").write_text("name: sub\n")
    journal = sweep.tmp_path / "journal"
    options = ("model=small,clash", "optim=adam,sgd", f"journal={journal}",
               "hydra.sweeper.n_trials=9")  # fmt: skip
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert "the whole space was tried: 3 completed, 1 failed of 9 trials" in done.output
    lines = sweep.trials()
    points = {(line["params.model"], line["params.optim"]): line for line in lines}
    assert set(points) == {(model, optim) for model in ("small", "clash") for optim in ("adam", "sgd")}
    (failed,) = [line for line in lines if line["status"] == "failed"]
    assert points["clash", "sgd"] == failed
    assert failed["reason"].startswith("does not compose: ") and "model/sub/sgd" in failed["reason"]
    assert not (sweep.dir / failed["trial"]).exists()
    assert journal_of(sweep) == Counter({line["dir"]: 1 for line in lines if line is not failed})
    again = sweep.run(*options)
    assert again.returncode == 0, again.output
    assert "the whole space was tried: 3 completed, 1 failed of 9 trials" in again.output
    assert sweep.trials() == lines
