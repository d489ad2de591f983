"""What all jobs through TorchX share: a command as one of its apps, its own schedulers tamed, their options checked."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_origin

from ax_mo.errors import ConfigError, closest
from ax_mo.runner.job import JobSpec
from ax_mo.runner.settings import LOCAL, LauncherSettings

SESSION = "ax_mo"
_ROLE = "trial"
_KEY = "hydra.launcher.scheduler_args"


def open_runner(scheduler: str) -> Any:
    """TorchX's own runner, for a cluster."""
    from torchx.runner.api import Runner
    from torchx.schedulers import get_scheduler_factories

    factory = _slurm_scheduler if scheduler == "slurm" else get_scheduler_factories()[scheduler]
    return Runner(SESSION, {scheduler: factory})


def local_scheduler() -> tuple[Any, Callable[[Any, Path], tuple[str, "subprocess.Popen[bytes]"]]]:
    """TorchX's runner for this machine, and what starts its request in a directory: returns the app's id and process.

    TorchX 0.7.0 has no exit codes, sleeps 0.1 s when an app ends, and ends all of them with itself.
    """
    from torchx.runner.api import Runner
    from torchx.schedulers.local_scheduler import CWDImageProvider, LocalScheduler

    class OutlivedScheduler(LocalScheduler):  # type: ignore[misc]
        def close(self) -> None:
            pass

    def start(dryrun: Any, cwd: Path) -> tuple[str, "subprocess.Popen[bytes]"]:
        (replica,) = dryrun.request.role_params[_ROLE]
        replica.cwd = str(cwd)  # not where the sweeper is now
        replica.combined = None
        for name in ("TORCHELASTIC_ERROR_FILE", "PET_LOG_DIR"):  # in TorchX's own log directory, which goes at once
            replica.env.pop(name, None)
        app_id = scheduler.schedule(dryrun)
        return app_id, scheduler._apps.pop(app_id).role_replicas[_ROLE][0].proc

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    scheduler = OutlivedScheduler(SESSION, CWDImageProvider)
    for number, handler in handlers.items():  # TorchX's raise an Exception
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    return Runner(SESSION, {LOCAL: lambda *_, **__: scheduler}), start


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
        name=_ROLE if settings.scheduler == LOCAL else spec.name,
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


def check_arguments(settings: LauncherSettings, torchx: Any) -> None:
    """Raises ConfigError for ``scheduler_args`` that TorchX's scheduler would ignore or refuse, with the key."""
    scheduler, arguments = settings.scheduler, settings.scheduler_args
    options = torchx.scheduler_run_opts(scheduler)
    known = dict(options)
    for key, value in arguments.items():
        if key not in known:
            others = f"SBATCH_{key.upper().replace('-', '_')}"
            elsewhere = f" sbatch takes others from its environment, for example {others}."
            raise ConfigError(
                f"{_KEY}.{key}: TorchX's scheduler '{scheduler}' has no such option; it has: "
                f"{', '.join(sorted(known)) or 'none'}.{closest(key, known)}{elsewhere if scheduler == 'slurm' else ''}"
            )
        wanted = known[key].opt_type
        if value is not None and not options.is_type(value, wanted):
            names = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
            name = names.get(wanted) or f"a {getattr(get_origin(wanted) or wanted, '__name__', wanted)}"
            raise ConfigError(f"{_KEY}.{key} must be {name}, not {value!r}.{_quoted(key, value, wanted)}")
    for key, option in known.items():
        if option.is_required and arguments.get(key) is None:
            raise ConfigError(f"{_KEY}.{key} is required by the scheduler '{scheduler}': {option.help}")


def _quoted(key: str, value: Any, wanted: Any) -> str:
    if wanted is not str or not isinstance(value, bool | int | float):
        return ""
    if key == "time" and isinstance(value, int) and value >= 60:  # what YAML makes of 1:30:00
        hours, rest = divmod(value, 3600)
        return f' Quote it in YAML: {key}: "{hours:02d}:{rest // 60:02d}:{rest % 60:02d}".'
    return f' Quote it: {key}: "{value}".'
