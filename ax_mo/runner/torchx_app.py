"""What all jobs through TorchX share: TorchX's runner, and a command as one of its apps."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from ax_mo.runner.job import JobSpec
from ax_mo.runner.settings import LOCAL, LauncherSettings

ROLE = "trial"
SESSION = "ax_mo"


def open_runner(scheduler: str, **parameters: Any) -> Any:
    from torchx.runner.api import Runner
    from torchx.schedulers import get_scheduler_factories

    own = {LOCAL: _local_scheduler, "slurm": _slurm_scheduler}
    factory = own.get(scheduler) or get_scheduler_factories()[scheduler]
    return Runner(SESSION, {scheduler: factory}, scheduler_params=parameters)


def _local_scheduler(session_name: str, **parameters: Any) -> Any:
    """TorchX's own ends all jobs with itself; ours are cancelled one by one, or left to the next sweeper."""
    from torchx.schedulers.local_scheduler import CWDImageProvider, LocalScheduler

    class OutlivedScheduler(LocalScheduler):  # type: ignore[misc]
        def close(self) -> None:
            pass

    return OutlivedScheduler(session_name, CWDImageProvider, **parameters)


def _slurm_scheduler(session_name: str, **_parameters: Any) -> Any:
    """TorchX's own asks ``sinfo`` at every submission, which waits and writes to the terminal where Slurm is away."""
    from torchx.schedulers.slurm_scheduler import SlurmScheduler

    class AskedOnce(SlurmScheduler):  # type: ignore[misc]
        _memory: ClassVar[dict[str | None, int | None]] = {}

        def _partition_memmb(self, partition: str | None) -> int | None:
            if partition not in self._memory:
                self._memory[partition] = super()._partition_memmb(partition)
            return self._memory[partition]

    return AskedOnce(session_name)


def app_of(
    spec: JobSpec, argv: Sequence[str], settings: LauncherSettings, env: Mapping[str, str], image: str = ""
) -> Any:
    """A fresh AppDef: TorchX 0.7.0 changes the one it is given."""
    from torchx.specs import AppDef, Resource, Role

    # Our local jobs get their GPUs by CUDA_VISIBLE_DEVICES; TorchX would warn at length that it does not set it.
    gpu = 0 if settings.scheduler == LOCAL else settings.gpu
    role = Role(
        # Slurm's job name is the role's.
        name=ROLE if settings.scheduler == LOCAL else spec.name,
        image=image,
        entrypoint=_literal(argv[0]),
        args=[_literal(argument) for argument in argv[1:]],
        env={key: _literal(value) for key, value in env.items()},
        resource=Resource(cpu=settings.cpu, gpu=gpu, memMB=settings.memMB),
    )
    return AppDef(name=spec.name, roles=[role])


def _literal(text: str) -> str:
    """TorchX substitutes ``$name`` in arguments and environment by string.Template."""
    return text.replace("$", "$$")


@contextmanager
def own_signal_handlers() -> Iterator[None]:
    """TorchX's local scheduler replaces SIGINT's and SIGTERM's handlers by one that raises an Exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
