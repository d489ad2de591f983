"""A wrong setting is refused before anything runs: each setting is looked at, and its message names the key."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project, task_overrides
from ax_mo.runner.settings import launcher_settings
from ax_mo.sweep.settings import parse_settings
from ax_mo.sweep.spec import Plan, make_plan

TOY = Path(__file__).resolve().parents[1] / "apps" / "toy" / "conf"
X = "x=interval(0,1)"
OWN_NODES = ("_target_", "_recursive_")
MakePlan = Callable[..., Plan]


@pytest.fixture(scope="module")
def plan() -> MakePlan:
    """``plan(line, *settings)``: what is made of a command line; settings are given below ``hydra``, as in a file."""
    with initialize_config_dir(str(TOY), version_base=None):
        loader = GlobalHydra.instance().config_loader()

    @cache
    def composed(line: str) -> DictConfig:
        given = ["hydra/sweeper=ax_mo", "hydra.sweeper.objectives={loss: minimize, size: minimize}", *line.split()]
        return loader.load_configuration("config", given, run_mode=RunMode.MULTIRUN)

    def make(line: str, *settings: str) -> Plan:
        master = deepcopy(composed(line))
        master.hydra.merge_with(OmegaConf.from_dotlist(list(settings)))
        sweeper, launcher = (
            {str(key): value for key, value in master.hydra[node].items() if key not in OWN_NODES}
            for node in ("sweeper", "launcher")
        )
        launcher_settings(launcher)
        return make_plan(parse_settings(sweeper), task_overrides(master), Project(loader, master))

    return make


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("objectives={loss: minimise}", "hydra.sweeper.objectives.loss: 'minimise' is no direction"),
        ("constraints=['seconds < 1']", "hydra.sweeper.constraints: 'seconds < 1' compares with '<'; only '<=' and"),
        ("constraints=['x <= 1']", "hydra.sweeper.constraints: 'x' in 'x <= 1' is a parameter, not a metric"),
        ("constraints=['loss <= 1']", "write its limit as hydra.sweeper.objectives.loss.threshold"),
        ("metrics={loss: {source: csw}}", "hydra.sweeper.metrics.loss.source: 'csw' is not known"),
        ("params={model.widht: 'interval(0,1)'}", "hydra.sweeper.params.model.widht: the project's configuration has"),
        ("params={x: 'choice()'}", "hydra.sweeper.params.x: the choice is empty"),
        ("search_space={y: {type: flaot}}", "hydra.sweeper.search_space.y.type must be one of int, float, ca"),
        ("search_space={z: {type: int, low: 0, high: 4}}", "hydra.sweeper.search_space.z: the project's config"),
        ("param_constraints=['z <= 1']", "hydra.sweeper.param_constraints: 'z' in 'z <= 1' is not among the searched"),
        ("initial_trials=[{}, {xx: 0.5}]", "hydra.sweeper.initial_trials[1]: 'xx' is not among the searched"),
        ("warm_start=nowhere", "hydra.sweeper.warm_start: "),
        ("warm_start='postgresql://u:secret@h/db'", "'postgresql://u:***@h/db' names no study"),
        ("repeats=0", "hydra.sweeper.repeats must be at least 1, not 0."),
        ("n_trials=0", "hydra.sweeper.n_trials must be at least 1, not 0."),
        ("n_jobs=0", "hydra.sweeper.n_jobs must be at least 1, not 0."),
        ("n_jobs=all", "hydra.sweeper.n_jobs must be a whole number or auto, not 'all'."),
        ("n_jobs=1.5", "hydra.sweeper.n_jobs must be a whole number or auto, not 1.5."),
        ("torch_threads=0", "hydra.sweeper.torch_threads must be at least 1, not 0."),
        ("n_startup_trials=0", "hydra.sweeper.n_startup_trials must be at least 1, not 0."),
        ("max_same_failures=-1", "hydra.sweeper.max_same_failures must be at least 0, not -1."),
        ("max_retries=-1", "hydra.sweeper.max_retries must be at least 0, not -1."),
        ("max_failure_rate=2", "hydra.sweeper.max_failure_rate must be between 0 and 1, not 2.0."),
        ("storage_timeout=-1", "hydra.sweeper.storage_timeout must be at least 0, not -1.0."),
        ("trial_timeout=0", "hydra.sweeper.trial_timeout must be above 0 seconds, not 0.0."),
        ("suggestion_timeout=0", "hydra.sweeper.suggestion_timeout must be above 0 seconds, not 0.0."),
        ("timeout_hours=nan", "hydra.sweeper.timeout_hours must be above 0 hours, not nan."),
        ("early_stopping=dominated", "hydra.sweeper.early_stopping must be a mapping, not 'dominated'; write early_st"),
        ("early_stopping={rule: dominated, kk: 3}", "hydra.sweeper.early_stopping with rule: dominated has no setting"),
        (
            "early_stopping.rul=all",
            "early_stopping.rule is missing, and 'rul' is no setting; write percentile, all, dominated or successive_h",
        ),
        ("early_stopping.rule=percentile", "hydra.sweeper.early_stopping.metric is missing"),
        (
            "stop_when={over_trial: 3}",
            "hydra.sweeper.stop_when has no setting 'over_trial'. Did you mean 'over_trials'",
        ),
        ("stop_when={over_trials: 0}", "hydra.sweeper.stop_when.over_trials must be at least 1, not 0."),
        ("stop_when={hypervolume_gain: 1}", "hydra.sweeper.stop_when.hypervolume_gain must be a share of at least 0 "),
        ("method=fats", "hydra.sweeper.method: 'fats' is not known; there are fast, saas, auto, quality"),
        ("storage=sqlite://u:***@h/db", "hydra.sweeper.storage: *** stands for the database's password"),
        ("trackers=[mlflo]", "hydra.sweeper.trackers: unknown tracker 'mlflo'"),
        ("n_trial=3", "hydra.sweeper has no setting 'n_trial'. Did you mean 'n_trials'?"),
    ],
)
def test_wrong_setting_of_the_sweeper_is_refused(plan: MakePlan, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        plan(X, f"sweeper.{override}")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("schedulr=slurm", "hydra.launcher has no setting 'schedulr'. Did you mean 'scheduler'?"),
        ("n_jobs=0", "hydra.launcher.n_jobs must be at least 1, not 0."),
        ("cpu=0", "hydra.launcher.cpu must be at least 1, not 0."),
        ("gpu=-1", "hydra.launcher.gpu must be at least 0, not -1."),
        ("grace_seconds=-1", "hydra.launcher.grace_seconds must be at least 0, not -1.0."),
        ("poll_seconds=0", "hydra.launcher.poll_seconds must be above 0 seconds, not 0.0."),
        ("unknown_timeout=0", "hydra.launcher.unknown_timeout must be above 0 seconds, not 0.0."),
        ("python=/nowhere/python", "hydra.launcher.python: "),
    ],
)
def test_wrong_setting_of_the_launcher_is_refused(plan: MakePlan, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        plan(X, f"launcher.{override}")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("model=small,huge", "has no option 'huge'; it has: large, small"),
        ("x=interval(1,0)", "the lower bound 1.0 is not below the upper bound 0.0"),
        ("x=0.5", "hydra.sweeper.params is empty"),
    ],
)
def test_command_line_that_cannot_be_searched_is_refused(plan: MakePlan, argument: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        plan(argument)
    assert message in str(refused.value)


def test_settings_that_are_null_are_off_or_their_defaults(plan: MakePlan) -> None:
    off = (
        "early_stopping",
        "stop_when",
        "timeout_hours",
        "metrics",
        "warm_start",
        "trackers",
        "params",
        "search_space",
    )
    made = plan(X, *(f"sweeper.{name}=null" for name in off))
    assert (made.early_stopping, made.stop_when, made.imports) == (None, None, ())


def test_part_of_a_block_has_the_defaults_of_the_rest(plan: MakePlan) -> None:
    given = ("stop_when.over_trials=7", "early_stopping.rule=all", "early_stopping.curves.loss=l")
    made = plan(" ".join([X, *(f"hydra.sweeper.{one}" for one in given)]))
    assert made.stop_when is not None and made.early_stopping is not None
    assert (made.stop_when.over_trials, made.stop_when.hypervolume_gain) == (7, 0.01)
    assert (made.early_stopping.settings.min_trials, made.early_stopping.settings.curves) == (5, {"loss": "l"})
