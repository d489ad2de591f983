"""Hydra's own integration tests, each run as a study of one trial.

The suite's tasks write a file and return nothing, so that the trial is a failed one: with ``max_failure_rate=1.0`` that
is no reason for the sweep to fail.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite
from hydra.test_utils.test_utils import integration_test
from omegaconf import OmegaConf

# A sweep needs something to search; the suite has nothing that it could.
PARAMETER = "+ax=choice(1,2)"
ONE_TRIAL = [
    "-m",
    "hydra/sweeper=ax_mo",
    "hydra.sweeper.direction=maximize",
    "hydra.sweeper.n_trials=1",
    "hydra.sweeper.n_jobs=1",
    "hydra.sweeper.max_failure_rate=1.0",
    PARAMETER,
]
# Those of the suite's directories that are named after the overrides, with the added parameter among them.
NAMED_AFTER_OVERRIDES = {
    "hydra_cfg/a=1,b=2": r"hydra_cfg/\+ax=[12],a=1,b=2$",
    "hydra_cfg/a_1+b_2": r"hydra_cfg/\+ax_[12]\+a_1\+b_2$",
}
WORKDIR_CASES = IntegrationTestSuite.test_custom_sweeper_run_workdir.pytestmark[0].args  # type: ignore[attr-defined]


@pytest.mark.long
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), [({}, ONE_TRIAL)], ids=["one_trial"])
class TestIntegration(IntegrationTestSuite):
    @pytest.mark.parametrize(*WORKDIR_CASES)
    def test_custom_sweeper_run_workdir(
        self,
        tmpdir: Any,
        task_config: Any,
        overrides: list[str],
        expected_dir: str,
        task_launcher_cfg: Any,
        extra_flags: list[str],
    ) -> None:
        expected = NAMED_AFTER_OVERRIDES.get(expected_dir, re.escape(expected_dir) + "$")
        integration_test(
            tmpdir=tmpdir,
            task_config=OmegaConf.create(task_config),
            overrides=[*extra_flags, *overrides, "hydra.job.chdir=True"],
            prints="os.getcwd()",
            expected_outputs=re.escape(f"{Path(tmpdir)}/") + expected,
        )

    def test_to_absolute_path_multirun(self, tmpdir: Any, task_launcher_cfg: Any, extra_flags: list[str]) -> None:
        """The suite sweeps twice into one directory; here the second sweep would find its study already done."""
        overrides = [*extra_flags, "hydra.job.chdir=True", "hydra.sweep.dir=cli_dir"]
        overrides.append("hydra.sweep.subdir=cli_dir_${hydra.job.num}")
        paths = {
            "hydra.utils.to_absolute_path('/foo/bar')": "/foo/bar",
            "hydra.utils.to_absolute_path('foo/bar')": str(Path(tmpdir) / "foo/bar"),
            "os.getcwd()": str(Path(tmpdir) / "cli_dir/cli_dir_0"),
        }
        integration_test(
            tmpdir=tmpdir,
            task_config=OmegaConf.create(),
            overrides=overrides,
            prints=list(paths),
            expected_outputs=[re.escape(path) + "$" for path in paths.values()],
        )


def test_the_suite_has_no_other_directory_named_after_overrides() -> None:
    named = {case.values[2] for case in WORKDIR_CASES[1] if "override_dirname" in str(case.values[0])}
    assert named == set(NAMED_AFTER_OVERRIDES)
