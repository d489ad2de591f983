"""Which GPUs of this machine are free. TorchX 0.7.0's local scheduler gives every job the first ones."""

import os
import shutil
import subprocess
from collections.abc import Hashable, Sequence

from ax_mo.errors import ConfigError

_ROUNDING = 1e-6  # ten jobs of 0.1 share a GPU


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
    """Hands jobs devices of their own, ``per_job`` unless they need another number, or a share of one below 1."""

    def __init__(self, per_job: float, devices: Sequence[str]) -> None:
        if per_job > len(devices):
            raise ConfigError(
                f"hydra.launcher.gpu={per_job:g}, but this machine shows {len(devices)} GPU(s) to the sweep; lower it, "
                "or choose another hydra.launcher.scheduler."
            )
        self._per_job = per_job
        self._free = dict.fromkeys(devices, 1.0)
        self._held: dict[Hashable, dict[str, float]] = {}

    def know(self, devices: Sequence[str]) -> None:
        """These are there as well."""
        self._free = dict.fromkeys(devices, 1.0) | self._free

    @property
    def capacity(self) -> int | None:
        """How many jobs can run at once; None where they need no device."""
        if not self._per_job:
            return None
        if self._per_job < 1:
            return len(self._free) * int(1 / self._per_job + _ROUNDING)
        return len(self._free) // int(self._per_job)

    @property
    def has_room(self) -> bool:
        """Whether a job can have its devices now: those of an earlier sweeper may hold more each, or not end."""
        return self.has_room_for(self._per_job)

    def has_room_for(self, needed: float) -> bool:
        """The same of a job that needs this number. Raises ConfigError where none ever could."""
        if needed > len(self._free):
            raise ConfigError(
                f"hydra.launcher.gpu is {needed:g} for a trial, but this machine shows {len(self._free)} GPU(s) to the "
                "sweep."
            )
        return len(self._suitable(needed)) >= needed

    def _suitable(self, needed: float) -> list[str]:
        """Devices with room for the job, the fullest first."""
        least = min(needed, 1.0) - _ROUNDING
        found = [device for device, free in self._free.items() if free >= least]
        return sorted(found, key=self._free.__getitem__)

    def take(self, owner: Hashable, needed: float | None = None) -> str:
        """The value of CUDA_VISIBLE_DEVICES for a new job. Only while it has room for it."""
        needed = self._per_job if needed is None else needed
        share = min(needed, 1.0)
        devices = self._suitable(needed)[: int(needed) if needed >= 1 else 1] if needed else []
        self._hold(owner, dict.fromkeys(devices, share))
        return ",".join(devices)

    def hold(self, owner: Hashable, value: str, share: float = 1.0) -> None:
        """A job of an earlier sweeper still has these devices. May be called again for the same job."""
        if owner not in self._held:
            known = [device for device in value.split(",") if device in self._free]
            self._hold(owner, {device: min(share, self._free[device]) for device in known if self._free[device] > 0})

    def _hold(self, owner: Hashable, shares: dict[str, float]) -> None:
        self._held[owner] = shares
        for device, share in shares.items():
            self._free[device] -= share

    def give_back(self, owner: Hashable) -> None:
        """The job has ended: its devices are others' now."""
        for device, share in self._held.pop(owner, {}).items():
            self._free[device] += share
