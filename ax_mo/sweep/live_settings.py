"""The settings that may be changed while a study runs: how much it does, and what ends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.settings import check_bounds, parse_block
from ax_mo.search_space.typed_point import typed_values
from ax_mo.sweep.settings import check_failure_rate

if TYPE_CHECKING:  # a command that checks what was typed has no need of it
    from ax_mo.sweep.spec import StudySpec

_NODE = "hydra.sweeper"


@dataclass(frozen=True)
class LiveSettings:
    """As in ``Settings``, whose other settings make a study what it is, and so stay as they are."""

    n_trials: int = 1
    n_jobs: int = 1
    timeout_hours: float | None = None
    max_failure_rate: float = 0.5


def parse_live_settings(words: Sequence[str]) -> dict[str, Any]:
    """The values of ``n_trials=80 n_jobs=8``, by name. Raises ConfigError for what cannot be changed, or not so."""
    given = {key.removeprefix(f"{_NODE}."): value for key, value in typed_values(words, "set").items()}
    names = [field.name for field in fields(LiveSettings)]
    for name in given:
        if name not in names:
            *most, last = names
            raise ConfigError(
                f"{_NODE}.{name} cannot be changed while a study runs: {', '.join(most)} and {last} can."
                f"{closest(name, names)}"
            )
    parsed = parse_block(LiveSettings, given, _NODE, "n_trials=80 n_jobs=8")
    check_bounds(_NODE, given, {"n_trials": 1, "n_jobs": 1}, {"timeout_hours": "hours"})
    check_failure_rate(parsed.max_failure_rate)
    return {name: getattr(parsed, name) for name in given}


def with_settings(spec: "StudySpec", values: Mapping[str, Any]) -> "StudySpec":
    """The study with these settings, which the command that resumes it has as well."""
    program = None if spec.program is None else spec.program.with_settings(_NODE, values)
    return replace(spec, settings=replace(spec.settings, **values), program=program)
