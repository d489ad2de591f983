"""What all jobs through TorchX share: a command as one of its apps, and the check of its schedulers' options."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, get_origin

from ax_mo.errors import ConfigError, closest
from ax_mo.runner.job import JobSpec
from ax_mo.runner.settings import LauncherSettings

SESSION = "ax_mo"
_KEY = "hydra.launcher.scheduler_args"


def app_of(
    spec: JobSpec,
    argv: Sequence[str],
    settings: LauncherSettings,
    env: Mapping[str, str],
    mounts: Sequence[Any] = (),
) -> Any:
    """A fresh AppDef: TorchX 0.7.0 changes the one it is given."""
    from torchx.specs import AppDef, Resource, Role

    needs = spec.resources or settings
    role = Role(
        name=spec.name,  # Slurm's job has the role's
        image=settings.image,
        entrypoint=_literal(argv[0]),
        args=[_literal(argument) for argument in argv[1:]],
        env={key: _literal(value) for key, value in env.items()},
        resource=Resource(cpu=needs.cpu, gpu=int(needs.gpu), memMB=needs.memMB),
        mounts=list(mounts),
    )
    return AppDef(name=spec.name, roles=[_made_by(settings.component, role) if settings.component else role])


def load_component(component: str) -> Callable[..., Any]:
    """The user's function of that name, ``package.module:function``. Raises ConfigError where there is none."""
    module, _, name = component.partition(":")
    try:
        return getattr(import_module(module), name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"hydra.launcher.component={component}: {error}. It is a function that returns a TorchX AppDef, as "
            "my_package.components:train."
        ) from None


def _made_by(component: str, ours: Any) -> Any:
    """The role that the user's component makes of the words of ours; what it leaves out is ours. Raises ConfigError."""
    app = load_component(component)(ours.entrypoint, *ours.args)
    roles: list[Any] = list(getattr(app, "roles", ()))
    if len(roles) != 1 or roles[0].num_replicas != 1:
        raise ConfigError(
            f"hydra.launcher.component={component}: it must return an AppDef of one role with one replica, whose "
            "entrypoint and args are the words that it is given."
        )
    role = roles[0]
    role.name = ours.name  # by which the job is found again
    role.env = {**ours.env, **role.env}
    role.image = role.image or ours.image
    role.mounts = role.mounts or ours.mounts
    if role.resource.cpu < 0:  # TorchX's for one that is not given
        role.resource = ours.resource
    return role


def _literal(text: str) -> str:
    """TorchX substitutes ``$name`` in arguments and environment by string.Template."""
    return text.replace("$", "$$")


def check_arguments(scheduler: str, arguments: Mapping[str, Any], torchx: Any) -> None:
    """Raises ConfigError for ``scheduler_args`` that TorchX's scheduler would ignore or refuse, with the key."""
    options = torchx.scheduler_run_opts(scheduler)
    known = dict(options)
    for key, value in arguments.items():
        if key not in known:
            raise ConfigError(
                f"{_KEY}.{key}: TorchX's scheduler '{scheduler}' has no such option; it has: "
                f"{', '.join(sorted(known)) or 'none'}.{closest(key, known)}"
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
