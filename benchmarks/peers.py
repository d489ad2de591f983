"""How long the example's study takes us, against two ways to run it without us, in wall and CPU seconds.

One is hydra-optuna-sweeper 1.3 with Hydra's joblib launcher: the processes that train are kept, and a batch waits for
its slowest trial. The other is the published loop, Meta's tutorial with Ax's Orchestrator and TorchX's local scheduler
(`peers_orchestrator.py`). All search the same space with as many trials and as many at once, one thread each. Ours runs
twice: with trials that are started (local_cwd), and with the launcher's default scheduler.

hydra-optuna-sweeper needs an Optuna below 3, so it is installed into a temporary environment on top of this one's
packages, without ours; or name the interpreter of such an environment (``--optuna-python``).
"""

import argparse
import os
import resource
import shutil
import sys
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

from measure import Row, app_in_a_temporary_directory, interleaved, median_row, print_table, python, run, trials_of
from omegaconf import OmegaConf
from startup import linked_environment, our_entries

_EXAMPLE = Path(__file__).resolve().parents[1] / "example_project"
_ORCHESTRATOR = Path(__file__).with_name("peers_orchestrator.py")
_TRACKER = "tracker"  # where peers_orchestrator.py, which takes seconds to import, has the results of its trials
_SWEEPER = "hydra-optuna-sweeper==1.3.0"
_PACKAGES = "lib/python*/site-packages"
_BARS = {"optuna": 1.0, "published": 0.6}
_NAMES = {
    "default": "ours",
    "local_cwd": "ours with local_cwd",
    "optuna": f"{_SWEEPER.replace('==', ' ')} with joblib",
    "published": "Ax's Orchestrator with TorchX",
}

# A train.py returns what its sweeper wants: Optuna's wants a tuple, the published loop TorchX's tracker.
_TRAIN = """\
import hydra
from train import train
{imports}

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    metrics = train(cfg)
    {result}


if __name__ == "__main__":
    main()
"""
_TRAIN_OPTUNA = _TRAIN.format(imports="", result='return metrics["val_acc"], metrics["num_params"]')
_TRAIN_TRACKED = _TRAIN.format(
    imports="from torchx.runtime.tracking import FsspecResultTracker\n",
    result="FsspecResultTracker(cfg.tracker)[cfg.trial] = metrics",
)
_OPTUNA_EXPERIMENT = """\
# @package _global_
defaults:
  - override /hydra/sweeper: optuna
  - override /hydra/launcher: joblib
hydra:
  sweeper:
    direction: [maximize, minimize]
"""


class Study:
    """The example's study in a directory of its own, one of several ways."""

    def __init__(self, directory: Path, trials: int, jobs: int, optuna_python: str) -> None:
        self.directory, self.trials, self.jobs, self.optuna_python = directory, trials, jobs, optuna_python
        self.cpus: dict[str, list[float]] = {name: [] for name in _NAMES}

    def measured(self, name: str) -> Callable[[], float]:
        """A function that runs the study that way, and returns its wall seconds; its CPU seconds are noted."""
        commands = {"optuna": self._optuna, "published": self._published}
        return lambda: self._run(name, commands.get(name, self._ours))

    def _run(self, name: str, command: Callable[[Path, str], tuple[list[str], Callable[[], int]]]) -> float:
        project = self.directory / f"{name}{len(self.cpus[name])}"
        shutil.copytree(_EXAMPLE, project, ignore=shutil.ignore_patterns("outputs", "multirun", "__pycache__"))
        argv, count = command(project, name)
        # Jobs of the published loop are "python", looked up in PATH.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = run(argv, project, {"PATH": path, "OMP_NUM_THREADS": "1"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if (completed := count()) != self.trials:
            raise RuntimeError(f"{_NAMES[name]}: {completed} of {self.trials} trials have a result")
        self.cpus[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return wall

    def _seed(self, name: str) -> int:
        return 1 + len(self.cpus[name])

    def _ours(self, project: Path, name: str) -> tuple[list[str], Callable[[], int]]:
        sizes = [f"hydra.sweeper.n_trials={self.trials}", f"hydra.sweeper.n_jobs={self.jobs}"]
        settings = [*sizes, f"hydra.sweeper.seed={self._seed(name)}", "hydra.sweep.dir=sweep"]
        if name != "default":
            settings.append(f"hydra.launcher.scheduler={name}")
        argv = python("train.py", "-m", "+experiment=nas", *settings)
        return argv, lambda: sum(trial["status"] == "completed" for trial in trials_of(project / "sweep"))

    def _optuna(self, project: Path, name: str) -> tuple[list[str], Callable[[], int]]:
        (project / "train_optuna.py").write_text(_TRAIN_OPTUNA)
        experiment = OmegaConf.create(_OPTUNA_EXPERIMENT)
        experiment.hydra.sweeper.params = OmegaConf.load(_EXAMPLE / "conf/experiment/nas.yaml").hydra.sweeper.params
        # This sweeper takes a range's end in.
        experiment.hydra.sweeper.params["trainer.max_epochs"] = "int(interval(1, 4))"
        header = "# @package _global_\n"
        (project / "conf/experiment/optuna.yaml").write_text(header + OmegaConf.to_yaml(experiment))
        sizes = [f"hydra.sweeper.n_trials={self.trials}", f"hydra.sweeper.n_jobs={self.jobs}"]
        settings = [*sizes, f"hydra.launcher.n_jobs={self.jobs}", f"hydra.sweeper.sampler.seed={self._seed(name)}"]
        argv = [self.optuna_python, "train_optuna.py", "-m", "+experiment=optuna", *settings, "hydra.sweep.dir=sweep"]
        # It gives up at the first trial that fails; its last act is to write this file.
        done = project / "sweep" / "optimization_results.yaml"
        return argv, lambda: len(list((project / "sweep").glob("[0-9]*"))) if done.exists() else 0

    def _published(self, project: Path, name: str) -> tuple[list[str], Callable[[], int]]:
        (project / "train_tracked.py").write_text(_TRAIN_TRACKED)
        argv = python(str(_ORCHESTRATOR), str(self.trials), str(self.jobs), str(self._seed(name)))
        return argv, lambda: len(list((project / _TRACKER).iterdir()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=48, help="trials of each study (default: 48)")
    parser.add_argument("--jobs", type=int, default=4, help="trials at once (default: 4)")
    parser.add_argument("--runs", type=int, default=1, help="studies of each kind, in turns (default: 1)")
    parser.add_argument("--optuna-python", help=f"an interpreter with {_SWEEPER}, without ours; default: one is made")
    options = parser.parse_args()
    with app_in_a_temporary_directory() as directory:
        optuna_python = options.optuna_python or str(_optuna_environment(directory))
        study = Study(directory, options.trials, options.jobs, optuna_python)
        walls = interleaved({name: study.measured(name) for name in _NAMES}, options.runs)
    title = f"The example's study, {options.trials} trials, {options.jobs} at once"
    print_table(f"{title}: wall", _rows(walls, _BARS))
    print_table(f"{title}: CPU", _rows(study.cpus, {}))


def _optuna_environment(directory: Path) -> Path:
    """The interpreter of an environment on top of this one's packages, in which Optuna's sweeper is added."""
    # Two of them, since pip would remove a newer Optuna through the links of the first.
    linked_environment(directory / "below", leave_out=our_entries())
    venv.EnvBuilder(symlinks=True, with_pip=False).create(directory / "optuna")
    (packages_below,) = (directory / "below").glob(_PACKAGES)
    (packages,) = (directory / "optuna").glob(_PACKAGES)
    (packages / "below.pth").write_text(f"{packages_below}\n")
    interpreter = directory / "optuna" / "bin" / "python"
    run(python("-m", "pip", "--python", str(interpreter), "install", _SWEEPER), directory)
    return interpreter


def _rows(times: Mapping[str, list[float]], bars: Mapping[str, float]) -> list[Row]:
    rows = [median_row(_NAMES[name], values, "s") for name, values in times.items()]
    for peer in _BARS:
        for ours in ("default", "local_cwd"):
            # Within the pairs of a turn: both saw the same machine.
            ratios = [one / other for one, other in zip(times[ours], times[peer], strict=True)]
            what = f"{_NAMES[ours]} / {_NAMES[peer]}"
            rows.append(median_row(what, ratios, "x", bars.get(peer) if ours == "default" else None))
    return rows


if __name__ == "__main__":
    sys.exit(main())
