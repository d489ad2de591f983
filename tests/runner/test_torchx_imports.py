"""What of TorchX's requirements a sweep comes to import."""

import subprocess
import sys

# TorchX 0.7.0 pins urllib3, for clients of clusters that run containers. docker and requests bring it.
PROGRAM = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        assert name.split(".")[0] not in ("urllib3", "docker", "requests", "filelock", "tabulate"), name

sys.meta_path.insert(0, Refuse())
from ax_mo.runner.settings import LauncherSettings
from ax_mo.runner.schedulers import open_scheduler
from ax_mo.runner.job import JobSpec, Job, Phase
from pathlib import Path
import time

directory = Path(sys.argv[2])
jobs = open_scheduler(LauncherSettings(scheduler=sys.argv[1]))
if sys.argv[1] == "local_cwd":
    job = Job(jobs.submit(JobSpec("a", ("true",), directory, directory)), directory)
    while jobs.states([job])[0].phase is not Phase.ENDED:
        time.sleep(0.01)
else:
    with jobs._request(JobSpec("a", ("true",), directory, directory)) as request:
        assert request.request
jobs.close()
"""


def test_jobs_of_this_machine_and_of_slurm_need_nothing_that_torchx_pins(tmp_path):
    for scheduler in ("local_cwd", "slurm"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, scheduler, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
