"""A study in the trackers that people use, and its trials' own loggers grouped by it."""

import json
import sqlite3
from pathlib import Path

import pytest

LOGS = """
import json, os
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    if cfg.mode == "mlflow":
        import mlflow
        with mlflow.start_run(run_name="mine"):
            mlflow.log_metric("mine", cfg.x)
    if cfg.mode == "wandb":
        import wandb
        with wandb.init() as run:
            run.log({"mine": cfg.x})
    found = {k: v for k, v in os.environ.items() if k.startswith(("WANDB_", "MLFLOW_RUN"))}
    out = HydraConfig.get().runtime.output_dir
    with open(os.path.join(out, "env.json"), "w") as file:
        json.dump(found, file)
    return {"loss": cfg.x, "size": cfg.model.width}

main()
"""
SPACE = ("hydra.sweeper.params={x: 'interval(0,1)'}", "hydra.sweeper.method=random_search", "hydra.sweeper.seed=1")


@pytest.fixture
def logging_task(sweep):
    sweep.script.write_text(LOGS)
    return sweep


def environment_of(sweep, number: int) -> dict[str, str]:
    return json.loads((sweep.dir / str(number) / "env.json").read_text())


def test_loggers_of_trials_in_the_sweepers_process_find_their_study(logging_task):
    sweep = logging_task
    done = sweep.run(
        *SPACE, "hydra.sweeper.n_trials=2", "hydra/launcher=basic", "hydra.sweeper.study_name=nas",
        "+hydra.job.env_set.WANDB_NAME=mine",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    found = [environment_of(sweep, number) for number in (0, 1)]
    assert [env["WANDB_RUN_GROUP"] for env in found] == ["nas", "nas"]
    assert [env["WANDB_NAME"] for env in found] == ["mine", "mine"]
    assert [json.loads(env["MLFLOW_RUN_CONTEXT"])["ax_mo.trial"] for env in found] == ["0", "1"]
    first, second = (env["WANDB_RUN_ID"] for env in found)
    assert (first.removesuffix("-t0"), first[-3:]) == (second.removesuffix("-t1"), "-t0")
    assert "WANDB_RUN" not in (sweep.dir / "0" / "command.sh").read_text()


@pytest.mark.long
def test_study_is_logged_everywhere_and_goes_on_after_a_resume(logging_task, tmp_path: Path):
    for module in ("mlflow", "optuna", "wandb"):
        pytest.importorskip(module)
    sweep = logging_task
    env = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(tmp_path),
    }
    logged = (*SPACE, "hydra.sweeper.trackers=[mlflow,wandb]")
    first = sweep.run(*logged, "hydra.sweeper.n_trials=1", "mode=mlflow", env=env)
    assert first.returncode == 0, first.output
    everywhere = (*SPACE, "hydra.sweeper.trackers=[mlflow,wandb,tensorboard,optuna]")
    again = sweep.run(*everywhere, "hydra.sweeper.n_trials=2", "mode=wandb", env={**env, "AX_MO_REPORT": "1"})
    assert again.returncode == 0, again.output
    for name in ("mlflow", "wandb", "tensorboard", "optuna"):
        assert f"ax_mo: {name}:" not in first.output + again.output

    tags = "SELECT r.name, r.status, t.value FROM runs r LEFT JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = ?"
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        runs = database.execute(tags, ["ax_mo.trial"]).fetchall()
        parents = {value for _, _, value in database.execute(tags, ["mlflow.parentRunId"]) if value}
        on_front = [value for _, _, value in database.execute(tags, ["ax_mo.pareto"]) if value == "true"]
    study = [(status, trial) for name, status, trial in runs if trial is None]
    assert study == [("FINISHED", None)]
    assert sorted((name, trial) for name, _, trial in runs if trial) == [("mine", "0"), ("trial 1", "1")]
    assert len(parents) == 1 and len(on_front) == len(sweep.solutions())
    (logged,) = tmp_path.rglob("artifacts/report.html")
    assert logged.read_bytes() == (sweep.dir / "report.html").read_bytes(), "the page of the study's end"

    group = environment_of(sweep, 1)["WANDB_RUN_GROUP"]
    assert group == environment_of(sweep, 0)["WANDB_RUN_GROUP"]
    assert "WANDB_RUN" not in (sweep.dir / "0" / "command.sh").read_text()
    study_id = environment_of(sweep, 1)["WANDB_RUN_ID"].removesuffix("-t1")
    kinds = sorted(path.name.split("-", 3)[3] for path in (tmp_path / "wandb").glob("offline-run-*"))
    assert kinds == [study_id, study_id, f"{study_id}-t1"]
    assert "WANDB_SERVICE" not in environment_of(sweep, 0), "the tracker's own connection"
    assert len(list((sweep.dir / "tensorboard").glob("trial_*"))) == 2

    import optuna

    mirrored = optuna.load_study(study_name=None, storage=f"sqlite:///{sweep.dir}/optuna.db")
    assert [trial.state.name for trial in mirrored.trials] == ["COMPLETE", "COMPLETE"]
    assert [trial.user_attrs["directory"] for trial in mirrored.trials] == [str(sweep.dir / n) for n in ("0", "1")]
    assert [(best.number, best.values) for best in mirrored.best_trials] == [
        (solution["trial"], list(solution["values"].values())) for solution in sweep.solutions()
    ]
