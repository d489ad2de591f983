"""``hydra.launcher.scheduler_args`` checked: TorchX's schedulers ignore options that they do not know."""

from collections.abc import Mapping
from typing import Any, get_origin

from ax_mo.errors import ConfigError, closest

_KEY = "hydra.launcher.scheduler_args"


def check_arguments(scheduler: str, arguments: Mapping[str, Any], options: Any) -> None:
    """Raises ConfigError that names the key. ``options`` are TorchX's ``runopts``."""
    known = dict(options)
    for key, value in arguments.items():
        if key not in known:
            raise ConfigError(
                f"{_KEY}.{key}: TorchX's scheduler '{scheduler}' has no such option; it has: "
                f"{', '.join(sorted(known)) or 'none'}.{closest(key, known)}{_elsewhere(scheduler, key)}"
            )
        wanted = known[key].opt_type
        if value is not None and not options.is_type(value, wanted):
            raise ConfigError(f"{_KEY}.{key} must be {_article(wanted)}, not {value!r}.{_as_text(key, value, wanted)}")
    for key, option in known.items():
        if option.is_required and arguments.get(key) is None:
            raise ConfigError(f"{_KEY}.{key} is required by the scheduler '{scheduler}': {option.help}")


def _elsewhere(scheduler: str, key: str) -> str:
    """Slurm's options that TorchX lacks."""
    if scheduler != "slurm":
        return ""
    return f" sbatch takes others from its environment, for example SBATCH_{key.upper().replace('-', '_')}."


def _article(wanted: Any) -> str:
    names = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
    return names.get(wanted) or f"a {getattr(get_origin(wanted) or wanted, '__name__', wanted)}"


def _as_text(key: str, value: Any, wanted: Any) -> str:
    if wanted is not str or not isinstance(value, bool | int | float):
        return ""
    if key == "time" and isinstance(value, int) and value >= 60:  # what YAML makes of 1:30:00
        hours, rest = divmod(value, 3600)
        return f' Quote it in YAML: {key}: "{hours:02d}:{rest // 60:02d}:{rest % 60:02d}".'
    return f' Quote it: {key}: "{value}".'
