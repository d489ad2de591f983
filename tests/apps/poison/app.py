"""A task that leaves another poison behind in each trial, after everything else, or spoils the trial's directory."""

import atexit
import json
import shutil
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

import ax_mo

sys.path.insert(0, str(Path(__file__).parent))
from poisons import CURVE, CURVES, LINES, RESULT, RESULTS


def poison_result(number: int, directory: Path) -> None:
    path = directory / RESULT
    RESULTS[number].leave(directory, json.loads(path.read_text()))


def poison_curve(number: int, directory: Path) -> None:
    path = directory / CURVE
    if number < len(LINES):
        with path.open("ab") as file:
            file.write(list(LINES.values())[number])
    else:
        path.unlink(missing_ok=True)
        list(CURVES.values())[number - len(LINES)](path)


def spoil(number: int, directory: Path) -> None:
    """What a trial can do to its own directory."""
    aside = directory.with_name(f"{directory.name}-aside")
    if number == 0:
        shutil.rmtree(directory)
    elif number == 1:
        shutil.rmtree(directory)
        directory.write_text("a file")
    elif number == 2:
        shutil.rmtree(directory)
        directory.symlink_to("nowhere")
    elif number == 3:
        directory.rename(aside)
        directory.symlink_to(aside.name)
    elif number == 4:
        shutil.rmtree(directory)
        directory.mkdir()
    else:
        directory.chmod(0o000)


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> object:
    """Trials with an odd number are healthy but for their curves; the others take one poison after another."""
    hydra_config = HydraConfig.get()
    number, directory = hydra_config.job.num, Path(hydra_config.runtime.output_dir)
    for step in range(3):
        ax_mo.report(step, loss=cfg.x / (step + 1))
    which = cfg.every * (number // 2)
    if cfg.spoils:
        if number % 2 == 0:
            (spoil if cfg.at_once else lambda *given: atexit.register(spoil, *given))(which, directory)
    elif number % 2 == 0 and which < len(RESULTS):
        atexit.register(poison_result, which, directory)
    if number % 2 == 1 or not cfg.spoils:
        atexit.register(poison_curve, which % (len(LINES) + len(CURVES)), directory)
    return {"loss": cfg.x, "size": 1 + cfg.x}


if __name__ == "__main__":
    main()
