"""Each workaround's fault, shown on the library itself: a test that fails here says that the workaround can go."""

import logging
import signal
import subprocess
import sys
import warnings

import pytest

from ax_mo.optimizer import compat


@pytest.fixture(scope="module", autouse=True)
def quiet():
    import ax.api.client  # noqa: F401

    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "ax":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def client(constraints=(), parameter_constraints=(), scaling=None):
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    compat.never_compile_kernels()
    made = Client(random_seed=0)
    parameters = [
        RangeParameterConfig(name=name, bounds=(1.0, 2.0), parameter_type="float", scaling=scaling) for name in "xy"
    ]
    made.configure_experiment(parameters=parameters, parameter_constraints=list(parameter_constraints))
    made.configure_optimization("m0, -m1", outcome_constraints=list(constraints))
    return made


def play(made, metrics, count=7):
    for _ in range(count):
        ((index, point),) = made.get_next_trials(1).items()
        made.complete_trial(index, raw_data=metrics(point))
    return compat.node_name(compat.experiment_of(made).trials[index].generator_run)


def test_ax_refuses_constraints_between_log_scaled_parameters():
    """ax-platform 1.3.1; worked around in ax_mo/optimizer/ax_space.py."""
    with pytest.raises(ValueError, match="not allowed on log scale"):
        client(parameter_constraints=["x <= y"], scaling="log")


def test_ax_fails_on_partial_thresholds_while_nothing_is_feasible():
    """ax-platform 1.3.1; worked around in AxExperiment._note_worst."""
    made = client(["m0 >= 1.5", "c0 <= 0"])
    with pytest.raises(ValueError, match="NaN"):
        play(made, lambda p: {"m0": p["x"], "m1": p["y"], "c0": 5.0 + p["x"]})


def test_ax_misreads_constraints_over_several_metrics():
    """ax-platform 1.3.1 finds feasible trials infeasible; worked around in AxExperiment.values."""
    made = client(["m0 >= 1.5", "2.0*c0 + 1.0*c1 <= 100"])
    with pytest.raises(ValueError, match="NaN"):
        play(made, lambda p: {"m0": p["x"], "m1": p["y"], "c0": 10.0 + p["y"], "c1": p["x"]})


def test_scipy_fails_beside_a_torch_that_is_imported_by_half():
    """SciPy 1.17.1; worked around by ``whole_imports`` in ax_mo/search_space/sample.py."""
    code = "import sys, types; sys.modules['torch'] = types.ModuleType('torch'); import scipy.stats"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "module 'torch' has no attribute 'Tensor'" in done.stderr


def test_botorch_compiles_a_kernel_at_first_use(monkeypatch):
    """botorch 0.18.1; switched off in ax_mo/optimizer/compat.py, which sets a private name."""
    import torch.utils.cpp_extension
    from botorch.acquisition.multi_objective import logei

    compiled = []
    monkeypatch.setattr(torch.utils.cpp_extension, "load", lambda **what: compiled.append(what["name"]))
    monkeypatch.setattr(logei, "_C", logei._C)
    monkeypatch.setattr(logei, "_load_attempted", False)
    logei._try_load_fused_kernel()
    assert compiled == ["logei_fused_ext"]
    monkeypatch.setattr(logei, "_load_attempted", False)
    compat.never_compile_kernels()
    logei._try_load_fused_kernel()
    assert compiled == ["logei_fused_ext"]


def test_private_names_of_ax_are_where_we_look_for_them():
    """ax-platform 1.3.1; used in ax_mo/optimizer/compat.py, for want of public ones."""
    made = client()
    ((index, _),) = made.get_next_trials(1).items()
    run = compat.experiment_of(made).trials[index].generator_run
    assert compat.node_name(run) == "CenterOfSearchSpace"
    assert "_candidate_metadata_by_arm_signature" in vars(run)
    assert "MBM" in compat.strategy_of(made).nodes_by_name
    compat.drop_strategy(made)
    with pytest.raises(AssertionError):
        compat.strategy_of(made)


def test_torchx_local_scheduler_replaces_signal_handlers():
    """torchx 0.7.0; its handlers are put back in ax_mo/runner/local/local_scheduler.py."""
    from torchx.schedulers.local_scheduler import create_scheduler

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        create_scheduler("test")
        assert signal.getsignal(signal.SIGINT) is not before[signal.SIGINT]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_torchx_substitutes_dollars_in_arguments():
    """torchx 0.7.0; escaped in ax_mo/runner/torchx_app.py."""
    from torchx.specs import Role, macros

    role = Role(name="r", image="", entrypoint="echo", args=["$$", "${app_id}"])
    values = macros.Values(img_root="", app_id="app", replica_id="0", rank0_env="X")
    assert values.apply(role).args == ["$", "app"]


def test_hydra_ignores_its_searchpath_for_group_options_without_a_config_name(tmp_path):
    """hydra-core 1.3.8 (and 1.4.0rc3 without config_name); worked around in ax_mo/hydra_project/project.py."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    for folder in ("conf/db", "more/db"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text(f"hydra:\n  searchpath: ['file://{tmp_path}/more']\n")
    (tmp_path / "conf" / "db" / "one.yaml").write_text("a: 1\n")
    (tmp_path / "more" / "db" / "two.yaml").write_text("a: 2\n")
    with initialize_config_dir(str(tmp_path / "conf"), version_base=None):
        loader = GlobalHydra.instance().config_loader()
        assert loader.get_group_options("db") == ["one"]
        assert loader.get_group_options("db", config_name="config") == ["one", "two"]


def conditional_client(shared: bool = False):
    """Two models, each with a parameter of its own, or with one that both have."""
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    client = Client(random_seed=0)
    client.configure_experiment(
        parameters=[
            ChoiceParameterConfig(
                name="model",
                values=["mlp", "cnn"],
                parameter_type="str",
                dependent_parameters={"mlp": ["hidden"], "cnn": ["hidden" if shared else "channels"]},
            ),
            RangeParameterConfig(name="hidden", bounds=(0.0, 1.0), parameter_type="float"),
            *([] if shared else [RangeParameterConfig(name="channels", bounds=(0.0, 1.0), parameter_type="float")]),
        ]
    )
    return client


def test_ax_refuses_a_parameter_below_two_options() -> None:
    """ax_mo/optimizer/ax_space.py makes a copy for each option."""
    from ax.exceptions.core import UserInputError

    with pytest.raises(UserInputError, match="cycle"):
        conditional_client(shared=True)


def test_ax_keeps_what_it_drew_for_inactive_parameters() -> None:
    """ax_mo/optimizer/compat.py drops it: a resumed study could not know it, and would go another way."""
    client = conditional_client()
    client.configure_optimization(objective="m0")
    client.configure_generation_strategy(initialize_with_center=False)
    ((index, parameters),) = client.get_next_trials(max_trials=1).items()
    (metadata,) = compat.experiment_of(client).trials[index].generator_run.candidate_metadata_by_arm_signature.values()
    assert len(parameters) == 2
    assert set(metadata["full_parameterization"]) == {"model", "hidden", "channels"}


def test_botorchs_hierarchical_model_cannot_be_fitted_to_two_metrics() -> None:
    """ax_mo/optimizer/features.py makes a flat one know what is active."""
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models.hierarchical.conditional_kernel_gp import HierarchicalConditionalKernelGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    features = torch.tensor([[0.0, 0.1, 0.5], [1.0, 0.5, 0.2], [0.0, 0.7, 0.5], [1.0, 0.5, 0.9]], dtype=torch.double)
    model = HierarchicalConditionalKernelGP(features, features[:, 1:], {0: {0: [1], 1: [2]}})
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))


def test_ax_goes_on_with_the_thresholds_that_its_model_was_first_asked_with() -> None:
    """ax_mo/optimizer/compat.py has it make the model anew."""
    from ax.api.configs import RangeParameterConfig

    client = compat.import_client()(random_seed=1)
    client.configure_experiment(parameters=[RangeParameterConfig(name="x", bounds=(0, 1), parameter_type="float")])
    client.configure_optimization(objective="m0, m1", outcome_constraints=["m0 >= 0.1", "m1 >= 0.1"])
    client.configure_generation_strategy(initialization_budget=1, initialize_with_center=False)
    for x in (0.1, 0.9):
        client.attach_trial(parameters={"x": x})
        client.complete_trial(len(client.summarize()) - 1, raw_data={"m0": x, "m1": 1 - x})
    (spec,) = compat.strategy_of(client).nodes_by_name["MBM"].generator_specs
    spec.fit(experiment=compat.experiment_of(client))
    client.configure_optimization(objective="m0, m1", outcome_constraints=["m0 >= 0.5", "m1 >= 0.5"])
    spec.fit(experiment=compat.experiment_of(client))
    bounds = [threshold.bound for threshold in spec.fitted_adapter._optimization_config.objective_thresholds]
    assert bounds == [0.1, 0.1]


def test_ax_untransforms_what_was_never_transformed_in_its_fast_cross_validation():
    """ax-platform 1.3.1, with choices and whole numbers; worked around in ax_mo/optimizer/diagnostics.py."""
    from pathlib import Path

    from ax.adapter.cross_validation import _efficient_loo_cross_validate

    from ax_mo.optimizer.diagnostics import FittedModel
    from tests.support.studies import study

    _, adapter = FittedModel(study(Path("/nowhere"), 8, mixed=False)).fit
    with pytest.raises(TypeError, match="not an instance"):
        _efficient_loo_cross_validate(adapter)


def test_torchx_makes_a_slurm_job_number_of_a_text_that_was_escaped() -> None:
    """0.7.0: ``$$`` is to stand for a dollar, and ``$${app_id}`` becomes the number all the same."""
    from torchx.runner.api import Runner
    from torchx.schedulers.slurm_scheduler import create_scheduler
    from torchx.specs import AppDef, Resource, Role

    role = Role("job", image="", entrypoint="echo", args=["$${app_id}"], resource=Resource(1, 0, 100))
    request = Runner("test", {"slurm": create_scheduler}).dryrun(AppDef("job", [role]), "slurm", {}).request
    assert "$SLURM_JOB_ID" in request.materialize()


def test_botorch_warns_of_a_climb_past_all_filters_and_a_search_does_not():
    """BoTorch 0.18.1; worked around by ``_climbed`` in ax_mo/optimizer/acquisition.py."""
    import torch
    from botorch.exceptions.warnings import OptimizationWarning
    from botorch.generation.gen import gen_candidates_scipy

    from ax_mo.optimizer.acquisition import Domain, search

    def falls_where_its_gradient_rises(points):
        return points.sum((-1, -2)) - 2 * points.sum((-1, -2)).detach()

    bounds = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore")
        search(falls_where_its_gradient_rises, Domain(bounds, {}, frozenset(), ()), bounds[:0])
        assert not seen
        gen_candidates_scipy(bounds.mean(0).view(1, 1, 2), falls_where_its_gradient_rises, *bounds)
    assert [each.category for each in seen] == [OptimizationWarning]
