"""ConfigSpace's hyperparameters, and its conditions as spaces per option: ``solver: {lbfgs: {}, sgd: {lr: ...}}``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_mo.dialects.translation import choice, interval
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.overrides import as_text

_MOST_VALUES = 10
"""Of a whole number whose values are written out, since something depends on them."""


@dataclass(frozen=True)
class Hyperparameter:
    """A range, or options where there is no range."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    options: tuple[Any, ...] | None = None
    ordered: bool | None = None

    @property
    def values(self) -> Any:
        if self.options is None:
            return interval(self.low, self.high, self.log, self.whole)
        return choice(self.options, self.ordered) if len(self.options) > 1 else self.options[0]


class Conditions:
    """Which hyperparameters exist under which options of another one.

    ``notes`` is told of those that no space per option can say: such a hyperparameter is searched always.
    """

    def __init__(
        self, found: Mapping[str, Hyperparameter], conditions: Sequence[Mapping[str, Any]], notes: list[str]
    ) -> None:
        self._found = found
        self._under: dict[str, tuple[str, tuple[Any, ...]]] = {}
        """The parent of a child, and the parent's values under which the child exists."""
        for condition in conditions:
            child = str(condition.get("child") or _first(condition).get("child"))
            if child not in found:
                raise ConfigError(f"conditions: there is no hyperparameter '{child}'.")
            known = self._read(condition)
            if known is None or child in self._under:
                self._under.pop(child, None)
                notes.append(f"{child} is searched always: that it depends on several others cannot be said so.")
            elif known[1]:
                self._under[child] = known

    def nested(self) -> dict[str, Any]:
        """``params``: each hyperparameter at its place."""
        return self._below([name for name in self._found if name not in self._under])

    def _below(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: self._entry(name) for name in names}

    def _entry(self, name: str) -> Any:
        children = [child for child, (parent, _) in self._under.items() if parent == name]
        if not children:
            return self._found[name].values
        return {
            value if isinstance(value, str) else as_text(value): self._below(
                [child for child in self._found if child in children and value in self._under[child][1]]
            )
            for value in self._values_of(name)
        }

    def _values_of(self, name: str) -> tuple[Any, ...]:
        """All values of a parent; empty where they are too many to be written out."""
        own = self._found[name]
        if own.options is not None:
            return own.options
        if own.whole and own.high - own.low < _MOST_VALUES:
            return tuple(range(int(own.low), int(own.high) + 1))
        return ()

    def _read(self, condition: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]] | None:
        """The parent and its values; None for a condition on several, or on a range."""
        kind = condition.get("type")
        if kind in ("AND", "OR"):
            parts = [self._read(part) for part in condition.get("conditions") or ()]
            known = [part for part in parts if part is not None]
            if not known or len(known) < len(parts) or len({parent for parent, _ in known}) > 1:
                return None
            parent, test = known[0][0], all if kind == "AND" else any
            sets = [values for _, values in known]
            return parent, tuple(value for value in self._values_of(parent) if test(value in one for one in sets))
        parent = str(condition.get("parent"))
        if parent not in self._found:
            raise ConfigError(f"conditions: there is no hyperparameter '{parent}'.")
        values = self._values_of(parent)
        if not values:
            return None
        wanted = condition.get("value")
        if kind == "IN":
            return parent, tuple(value for value in values if value in condition["values"])
        if kind in ("LT", "GT"):  # of an ordinal one, by its place
            at = values.index(wanted) if wanted in values else -1
            return None if at < 0 else (parent, values[:at] if kind == "LT" else values[at + 1 :])
        return parent, tuple(value for value in values if (value == wanted) is (kind != "NEQ"))


def _first(condition: Mapping[str, Any]) -> Mapping[str, Any]:
    parts: Sequence[Any] = condition.get("conditions") or ({},)
    return parts[0] if isinstance(parts[0], Mapping) else {}
