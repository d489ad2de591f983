"""What nobody reads, or cannot be shown, ends no study."""

import shlex

SPACE = ("x=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.method=random_search")


def test_closed_output_does_not_end_the_study(sweep):
    command = f"{shlex.join(sweep.argv(*SPACE))} | head -1"
    sweep.run(argv=["bash", "-c", command])
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3


def test_terminal_without_the_letters_does_not_end_the_study(sweep):
    done = sweep.run("+note=plain,'é'", *SPACE, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.output
    assert {trial["params.+note"] for trial in sweep.trials()} == {"plain", "é"}
