"""What a task may return, and what the study makes of it."""

from tests.support.sweeps import BUILT_IN


def test_positional_returns_take_the_objectives_names(sweep):
    sweep.objectives = "{loss: minimize, width: minimize}"
    done = sweep.run("x=interval(0,1)", "returns=tuple", "hydra.sweeper.n_trials=1")
    assert done.returncode == 0, done.output
    assert [name for name in sweep.result(0)["metrics"] if name not in BUILT_IN] == ["loss", "width"]
    assert list(sweep.solutions()[0]["values"]) == ["loss", "width"]


def test_directions_alone_name_the_objectives_by_position(sweep):
    argv = [word for word in sweep.argv() if "objectives" not in word]
    argv += ["hydra.sweeper.direction=[minimize,minimize]", "x=interval(0,1)", "returns=tuple"]
    done = sweep.run(argv=[*argv, "hydra.sweeper.n_trials=1"])
    assert done.returncode == 0, done.output
    assert set(sweep.result(0)["metrics"]) == {"objective_0", "objective_1", *BUILT_IN}


def test_constraints_on_metrics_keep_trials_off_the_front(sweep):
    sweep.objectives = "{loss: minimize}"
    done = sweep.run(
        "x=interval(0,1)", "hydra.sweeper.constraints=['size <= 11']",
        "hydra.sweeper.n_trials=4", "hydra.sweeper.seed=1", "hydra.sweeper.method=random_search",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    (best,) = sweep.solutions()
    assert float(sweep.trials()[best["trial"]]["metrics.size"]) <= 11
    assert any(float(trial["metrics.size"]) > 11 for trial in sweep.trials())


def test_a_seed_repeats_a_sequential_study(sweep):
    points = []
    for name in ("first", "second"):
        sweep.dir = sweep.tmp_path / name
        done = sweep.run(
            "x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1",
            "hydra.sweeper.n_startup_trials=2", "hydra.sweeper.seed=11",
        )  # fmt: skip
        assert done.returncode == 0, done.output
        trials = sweep.trials()
        assert trials[-1]["generator"] == "model"
        points.append([(trial["params.x"], trial["params.y"]) for trial in trials])
    assert points[0] == points[1]
