"""Which GPUs of this machine are free. TorchX 0.7.0's local scheduler gives every job the first ones."""

import os
import shutil
import subprocess
from collections.abc import Hashable, Sequence

from ax_mo.errors import ConfigError


def visible_gpus() -> tuple[str, ...]:
    """What this process may use: CUDA_VISIBLE_DEVICES where it is set, else all that nvidia-smi lists."""
    restricted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if restricted is not None:
        return tuple(part.strip() for part in restricted.split(",") if part.strip() not in ("", "-1"))
    if shutil.which("nvidia-smi") is None:
        return ()
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    count = sum(line.startswith("GPU ") for line in listed.splitlines())
    return tuple(str(index) for index in range(count))


class GpuPool:
    """Hands each job ``per_job`` devices of its own; none where that is 0."""

    def __init__(self, per_job: int, devices: Sequence[str]) -> None:
        if per_job > len(devices):
            raise ConfigError(
                f"hydra.launcher.gpu={per_job}, but this machine shows {len(devices)} GPU(s) to the sweep; lower it, "
                "or choose another hydra.launcher.scheduler."
            )
        self._per_job = per_job
        self._free = list(devices)
        self._held: dict[Hashable, list[str]] = {}

    @property
    def capacity(self) -> int | None:
        """How many jobs can run at once; None where they need no device."""
        devices = len(self._free) + sum(map(len, self._held.values()))
        return devices // self._per_job if self._per_job else None

    @property
    def has_room(self) -> bool:
        """Whether a job can have its devices now: those of an earlier sweeper may hold more each, or not end."""
        return len(self._free) >= self._per_job

    def take(self, owner: Hashable) -> str:
        """The value of CUDA_VISIBLE_DEVICES for a new job. Only while it ``has_room``."""
        devices, self._free = self._free[: self._per_job], self._free[self._per_job :]
        self._held[owner] = devices
        return ",".join(devices)

    def hold(self, owner: Hashable, value: str) -> None:
        """A job of an earlier sweeper still has these devices. May be called again for the same job."""
        if owner not in self._held:
            self._held[owner] = [device for device in value.split(",") if device in self._free]
            self._free = [device for device in self._free if device not in self._held[owner]]

    def give_back(self, owner: Hashable) -> None:
        self._free += self._held.pop(owner, [])
