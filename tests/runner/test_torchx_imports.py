"""What of TorchX's requirements a sweep comes to import."""

import subprocess
import sys
from pathlib import Path

import pytest
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

# TorchX 0.7.0 pins urllib3, for clients of clusters that run containers. docker and requests bring it.
PROGRAM = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        assert name.split(".")[0] not in ("urllib3", "docker", "requests", "filelock", "tabulate"), name

sys.meta_path.insert(0, Refuse())
from ax_mo.runner.settings import LauncherSettings
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.job import JobSpec, Job, Phase
from pathlib import Path
import time

directory = Path(sys.argv[1])
jobs = open_scheduler(LauncherSettings())
job = Job(jobs.submit(JobSpec("a", ("true",), directory, directory)), directory)
while jobs.states([job])[0].phase is not Phase.ENDED:
    time.sleep(0.01)
jobs.close()
jobs = open_scheduler(LauncherSettings(scheduler="slurm"))
jobs.check()
jobs.close()
"""


@pytest.mark.skipif("lsf" not in DEFAULT_SCHEDULER_MODULES, reason="later ones need docker for Slurm")
def test_jobs_of_this_machine_and_of_slurm_need_nothing_that_torchx_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sinfo", "sbatch"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
