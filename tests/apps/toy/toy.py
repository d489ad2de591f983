"""A task that costs nothing and fails in every way on demand."""

import os
import signal
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


def fail(mode: str) -> None:
    if mode == "exception":
        raise ValueError("diverged at step 7")
    if mode == "exit":
        print("leaving for good", file=sys.stderr)
        sys.exit(3)
    if mode == "exit_zero":
        sys.exit(0)
    if mode == "os_exit":
        os._exit(1)
    if mode == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "sigsegv":
        os.kill(os.getpid(), signal.SIGSEGV)


def wait_for(path: str | None) -> None:
    """A trial that a test holds open ends by itself if nobody lets it go on."""
    deadline = time.monotonic() + 300.0
    while path and not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def raise_an_error(*_: object) -> None:
    raise RuntimeError("DataLoader worker exited unexpectedly")


def spoiled(mode: str, loss: float) -> object:
    return {
        "not_a_number": float("nan"),
        "infinite": float("inf"),
        "text": "low",
    }.get(mode, loss)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> object:
    if cfg.journal:
        # Who ran, so that a test can count how often each trial, or each of its repeats, did.
        with Path(cfg.journal).open("a") as journal:
            journal.write(f"{HydraConfig.get().sweep.subdir}\n")
    if cfg.leaves:
        Path(HydraConfig.get().runtime.output_dir, cfg.leaves).write_bytes(bytes(cfg.model.width))
    if cfg.mode == "raises_when_ended":  # as Lightning's main process does when its workers are ended
        signal.signal(signal.SIGTERM, raise_an_error)
    time.sleep(cfg.sleep)
    wait_for(cfg.until)
    fail("exception" if cfg.seed in cfg.failing_seeds else cfg.mode)
    loss = (cfg.x - 0.3) ** 2 + cfg.y + cfg.noise * cfg.seed
    if cfg.mode == "nothing":
        return None
    if cfg.mode == "misspelled":
        return {"los": loss, "size": 1}
    if cfg.returns == "tuple":
        return loss, cfg.model.width
    if cfg.returns == "number":
        return loss
    return {"loss": spoiled(cfg.mode, loss), "size": cfg.model.width * (1 + cfg.x), "seconds": cfg.sleep}


if __name__ == "__main__":
    main()
