"""What a study is going to do, read and checked before anything runs."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from ax_mo.core.repeats import Repeats
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project
from ax_mo.sweep.settings import parse_settings
from ax_mo.sweep.spec import Plan, make_plan

FILES = {
    "config.yaml": "defaults: [{model: mlp}, _self_]\nseed: 7\nunset: null\nneeded: ???\nname: run\nflag: true\n"
    "rate: 0.5\nn-jobs: 3\nlayers: [64, 32]\nsame: ${seed}\nlost: ${oc.env:AX_MO_TEST_NOT_SET}\n",
    "model/mlp.yaml": "width: 8\nseed: 3\n",
    "model/cnn.yaml": "width: 8\n",
}
MakePlan = Callable[..., Plan]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    return directory


@pytest.fixture(scope="module")
def plan(directory: Path) -> MakePlan:
    with initialize_config_dir(str(directory), version_base=None):
        loader = GlobalHydra.instance().config_loader()

    @cache
    def project(*arguments: str) -> Project:
        return Project(loader, loader.load_configuration("config", list(arguments), run_mode=RunMode.MULTIRUN))

    def make(params: Mapping[str, Any], arguments: Sequence[str] = (), **settings: Any) -> Plan:
        given = {"objectives": {"loss": "minimize"}, "params": params, **settings}
        return make_plan(
            parse_settings(given), [line for line in arguments if "hydra." not in line], project(*arguments)
        )

    return make


RATE = {"rate": "interval(0,1)"}


# Metrics of the configuration


@pytest.mark.parametrize("key", ["seed", "model.width * 2", "sum(layers) + layers[0]", "same", "n-jobs", "model.width"])
def test_metric_may_be_a_value_or_an_expression_of_the_configuration(plan: MakePlan, key: str) -> None:
    plan(RATE, objectives={"n": "minimize"}, metrics={"n": {"source": "config", "key": key}})


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "model.widht",
            "the project's configuration has no key 'model.widht' with rate=0.0. Did you mean 'model.width'?",
        ),
        ("2 * model.widht", "the project's configuration has no key 'model.widht' with rate=0.0. Did you mean"),
        ("layers[7]", "the project's configuration has no key 'layers[7]' with rate=0.0."),
        ("lost", "'lost' cannot be resolved: "),
        ("name", "'name' has no number as its value: 'name' is 'run'."),
        ("unset", "'unset' has no number as its value: 'unset' is None."),
        ("needed", "'needed' has no number as its value: 'needed' is None."),
        ("flag", "'flag' has no number as its value: 'flag' is True."),
        ("layers", "'layers' has no number as its value: 'layers' is [64, 32]."),
        ("2 * 3", "'2 * 3' names no key of the configuration, and would be the same in every trial."),
        ("model", "'model' has no number as its value: 'model' is {"),
        ("seed +", "'seed +' is no expression; possible are keys, numbers, "),
    ],
)
def test_wrong_key_of_a_metric_is_told_before_anything_runs(plan: MakePlan, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(RATE, metrics={"n": {"source": "config", "key": key}})
    assert str(caught.value).startswith(f"hydra.sweeper.metrics.n.key: {message}")


def test_required_metric_must_have_a_value_under_every_option(plan: MakePlan) -> None:
    metrics = {"n": {"source": "config", "key": "model.seed"}}
    plan({"model": "mlp,cnn"}, metrics=metrics)
    for required in ({"objectives": {"n": "minimize"}}, {"constraints": ["n <= 7"]}):
        with pytest.raises(ConfigError, match=r"metrics\.n\.key: .* has no key 'model\.seed' with model=cnn"):
            plan({"model": "mlp,cnn"}, metrics=metrics, **required)


# What is tried first


def test_configuration_comes_before_the_named_trials(plan: MakePlan) -> None:
    first = plan(RATE, initial_trials=[{"rate": 0.25}, {"rate": 1}]).first
    assert [(s.generator, s.point) for s in first] == [
        ("config", {"rate": 0.5}),
        ("initial", {"rate": 0.25}),
        ("initial", {"rate": 1.0}),
    ]
    assert [s.generator for s in plan(RATE, start_from_config=False, initial_trials=[{}]).first] == ["initial"]


def test_configuration_that_is_not_in_the_space_is_a_remark(plan: MakePlan) -> None:
    made = plan({"rate": "interval(0.75,1)"})
    assert made.first == ()
    assert made.remarks == (
        "the project's own configuration is not in the space and not tried: rate=0.5 is below its lower bound 0.75",
    )
    assert plan({"rate": "interval(0.75,1)"}, start_from_config=False).remarks == ()


def test_directions_that_look_wrong_are_remarks(plan: MakePlan) -> None:
    assert plan(RATE, objectives={"val_acc": "minimize"}).remarks == (
        "hydra.sweeper.objectives.val_acc: minimize looks wrong for something named 'acc'; did you mean maximize?",
    )


# Repeats


@pytest.mark.parametrize(
    ("key", "arguments", "first"),
    [
        ("seed", [], 7),
        ("seed", ["seed=11"], 11),
        ("unset", [], 0),
        ("needed", [], 0),
        ("same", [], 7),
        ("+new", [], 0),
        ("++seed", [], 0),
    ],
)
def test_seeds_go_up_from_the_projects_own(plan: MakePlan, key: str, arguments: Sequence[str], first: int) -> None:
    assert plan(RATE, arguments, repeats=3, repeat_key=key).repeats == Repeats(3, key, first)


def test_one_repeat_is_none(plan: MakePlan) -> None:
    assert plan(RATE, repeats=1, repeat_key="anything").repeats == Repeats()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sed", "the project's configuration has no key 'sed' with rate=0.0. Did you mean 'seed'? To add a new key, "
                "write '+sed'."),
        ("rate", "'rate' is among the searched parameters; name a seed that is not."),
        ("+rate", "'+rate' is among the searched parameters; name a seed that is not."),
        ("name", "'name' must hold a whole number or null, and holds 'run'."),
        ("flag", "'flag' must hold a whole number or null, and holds True."),
        ("model", "'model' must hold a whole number or null, and holds {"),
        ("lost", "a trial does not compose: "),
        ("+seed", "a trial does not compose: Could not append to config"),
    ],
)  # fmt: skip
def test_key_that_cannot_be_counted_up_is_refused(plan: MakePlan, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(RATE, repeats=2, repeat_key=key)
    assert str(caught.value).startswith(f"hydra.sweeper.repeat_key: {message}")


def test_key_must_be_there_under_every_option(plan: MakePlan) -> None:
    assert plan({"model": "mlp,cnn"}, repeats=2, repeat_key="seed").repeats == Repeats(2, "seed", 7)
    with pytest.raises(ConfigError, match=r"has no key 'model\.seed' with model=cnn"):
        plan({"model": "mlp,cnn"}, repeats=2, repeat_key="model.seed")
    assert plan({"model.width": "int(interval(1,9))"}, repeats=2, repeat_key="model.seed").repeats.first == 3


@pytest.mark.parametrize(
    ("source", "missing", "message"),
    [
        ("tensorboard", {"tensorboard"}, "source: tensorboard needs TensorBoard's reader: pip install"),
        (
            "lightning",
            {"lightning", "pytorch_lightning"},
            "source: lightning and neither lightning nor pytorch_lightning",
        ),
    ],
)
def test_source_that_no_trial_can_have_is_refused_unless_trials_run_elsewhere(
    plan: MakePlan, monkeypatch: pytest.MonkeyPatch, source: str, missing: set[str], message: str
) -> None:
    metrics = {"loss": source}
    plan(RATE, metrics=metrics)
    for module in ("tensorboard", "curves"):
        there = f"ax_mo.trial.metric_sources.{module}.find_spec"
        monkeypatch.setattr(there, lambda name: None if name in missing else object())
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.metrics\.loss\.") as error:
        plan(RATE, metrics=metrics)
    assert message in str(error.value)
    for elsewhere in ("+hydra.launcher.python=/project/bin/python", "+hydra.launcher.image=train:1"):
        plan(RATE, [elsewhere], metrics=metrics)


# Rungs


def rungs(**given: Any) -> dict[str, Any]:
    return {"rule": "successive_halving", "budget_key": "same", "max": 9, **given}


def test_rungs_are_part_of_what_a_resume_compares(plan: MakePlan) -> None:
    halving = plan(RATE, early_stopping=rungs(resume_key="name")).halving
    assert halving is not None
    assert halving.describe() == {"hydra.sweeper.early_stopping": "successive_halving of same=1, 3, 9"}
    assert plan(RATE, early_stopping={"rule": "dominated"}).halving is None


def test_time_of_one_rung_is_no_time_of_the_trial(plan: MakePlan) -> None:
    objectives = {"loss": "minimize", "fit_seconds": "minimize"}
    for given, is_said in (({"resume_key": "name"}, True), ({}, False)):
        remarks = plan(RATE, objectives=objectives, early_stopping=rungs(**given)).remarks
        assert any(remark.startswith("fit_seconds of a promoted trial") for remark in remarks) is is_said


def test_keys_of_rungs_are_looked_for_in_the_same_configurations(
    plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[Sequence[str]] = []
    compose = Project.compose

    def counting(self: Project, overrides: Sequence[str]) -> Any:
        composed.append(overrides)
        return compose(self, overrides)

    monkeypatch.setattr(Project, "compose", counting)
    plan(RATE, early_stopping=rungs())
    one_key = len(composed)
    plan(RATE, early_stopping=rungs(resume_key="name"))
    assert len(composed) == 2 * one_key


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"budget_key": "rate"},
            "budget_key: 'rate' is among the searched parameters; the rungs set it, so take it out",
        ),
        (
            {"budget_key": "sed"},
            "budget_key: the project's configuration has no key 'sed' with rate=0.0. Did you mean ",
        ),
        ({"budget_key": "name"}, "budget_key: 'name' must hold a whole number or null, and holds 'run'."),
        (
            {"resume_key": "nam"},
            "resume_key: the project's configuration has no key 'nam' with rate=0.0. Did you mean ",
        ),
        (
            {"resume_key": "rate"},
            "resume_key: 'rate' is among the searched parameters; the rungs set it, so take it out",
        ),
    ],
)
def test_key_that_rungs_cannot_set_is_refused(plan: MakePlan, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(RATE, early_stopping=rungs(**given))
    assert str(caught.value).startswith(f"hydra.sweeper.early_stopping.{message}")
