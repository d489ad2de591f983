"""What a block of another sweeper is here: settings below ``hydra.sweeper``, and what has no counterpart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.overrides import as_text


@dataclass(frozen=True)
class Translation:
    """``dialect`` is whose words it was in; ``notes`` are sentences on what is not quite the same."""

    dialect: str
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def as_yaml(self, indent: int) -> str:
        """The settings, and the notes as comments above them."""
        body = yaml.dump(dict(self.settings), Dumper=_Dumper, sort_keys=False, width=10**9, allow_unicode=True)
        lines = [*(f"# {note}" for note in self.notes), *body.rstrip().splitlines()]
        return "\n".join(f"{' ' * indent}{line}" for line in lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and writes ``{}`` where nothing is."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def interval(low: float, high: float, log: bool = False, whole: bool = False) -> str:
    """A range with both bounds included, in Hydra's grammar; a single value where the bounds are the same."""
    cast = int if whole else float
    low, high = cast(low), cast(high)
    if low == high:
        return as_text(low)
    text = f"interval({_number(low)}, {_number(high)})"
    text = f"int({text})" if whole else text
    return f"tag(log, {text})" if log else text


def choice(values: Sequence[Any], ordered: bool | None = None) -> str:
    """``ordered`` where it must be said: numbers are, and others are not, unless a tag says otherwise."""
    values = [value for n, value in enumerate(values) if value not in values[:n]]
    if len(values) == 1:
        return as_text(values[0])
    texts = list(map(as_text, values))
    if any(value is None for value in values):  # choice(...) takes no null
        return ",".join(texts)
    text = f"choice({', '.join(texts)})"
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if ordered is None or ordered is are_numbers:
        return text
    return f"tag({'ordered' if ordered else 'categorical'}, {text})"


def given_number(value: Any, where: str) -> float:
    """Raises ConfigError for what is none, such as an interpolation."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where} must be a number, not {value!r}.")
    return value


def _number(value: float) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e6 else repr(value)
