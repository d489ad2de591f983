"""ConfigSpace's hyperparameters, and its conditions as spaces per option: ``solver: {lbfgs: {}, sgd: {lr: ...}}``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
        """Its values in Hydra's grammar."""
        if self.options is None:
            return interval(self.low, self.high, self.log, self.whole)
        return choice(self.options, self.ordered) if len(self.options) > 1 else self.options[0]


@dataclass(frozen=True)
class _Test:
    """Something that holds of the values of these hyperparameters, which ``holds`` is given by their names.

    One that does not exist there has no value, and what is said of it does not hold.
    """

    names: tuple[str, ...]
    holds: Callable[[Mapping[str, Any]], bool]


class Conditions:
    """Which hyperparameters exist, and which of their options, under which options of others.

    What depends on several others is below one of them, which is below the next. ``notes`` is told of what cannot be
    said so: such a hyperparameter is searched always.
    """

    def __init__(self, found: Mapping[str, Hyperparameter], notes: list[str]) -> None:
        self._found = found
        self._notes = notes
        self._above: dict[str, str] = {}
        self._exists: dict[str, _Test] = {}
        self._forbidden: list[_Test] = []

    def add(self, condition: Mapping[str, Any]) -> None:
        """A child exists where the condition holds. Raises ConfigError for a name that is none."""
        child = str(condition.get("child") or _first(condition).get("child"))
        if child not in self._found:
            raise ConfigError(f"conditions: there is no hyperparameter '{child}'.")
        test = self._read(condition)
        if test is not None and child in self._exists:
            test = _joined([test, self._exists[child]], all)
        if test is None or not self._hang(child, [*test.names, *self._path(child)[1:]]):
            self._notes.append(f"{child} is searched always: what it depends on cannot be said by options of others.")
        else:
            self._exists[child] = test

    def forbid(self, clauses: Sequence[Mapping[str, Any]]) -> bool:
        """Leave out what meets all of the clauses; False where these are not all of options."""
        tests: list[_Test] = []
        for clause in clauses:
            name = str(clause.get("name"))
            if name not in self._found or self._found[name].options is None or clause.get("type") not in _EQUALITIES:
                return False
            tests.append(self._is_among(name, clause["values"] if clause["type"] == "IN" else [clause["value"]]))
        test = _joined(tests, all)
        if self._deepest(test.names) is None:
            return False
        self._forbidden.append(test)
        return True

    def nested(self) -> dict[str, Any]:
        """``params``: each hyperparameter at its place."""
        return self._below(None, {}) or {}

    def _below(self, parent: str | None, at: Mapping[str, Any]) -> dict[str, Any] | None:
        """Those that are below a parent, or nothing, where these are the values above them; None where all values of
        one are forbidden there.
        """
        entries = {name: self._entry(name, at) for name in self._existing(parent, at)}
        return None if None in entries.values() else entries

    def _existing(self, parent: str | None, at: Mapping[str, Any]) -> Iterator[str]:
        """Those that exist below a parent, also where what they are directly below does not."""
        for name in self._found:
            if self._above.get(name) == parent:
                if name not in self._exists or self._exists[name].holds(at):
                    yield name
                else:
                    yield from self._existing(name, at)

    def _entry(self, name: str, at: Mapping[str, Any]) -> Any:
        own = self._found[name]
        if name not in self._above.values() and not any(name in test.names for test in self._forbidden):
            return own.values
        below: list[tuple[Any, dict[str, Any]]] = []
        for value in self._values_of(name):
            there = {**at, name: value}
            if not any(test.holds(there) for test in self._forbidden):
                inner = self._below(name, there)
                below += [] if inner is None else [(value, inner)]
        if not below:
            return None
        if any(inner for _, inner in below):
            return {value if isinstance(value, str) else as_text(value): inner for value, inner in below}
        return replace(own, options=tuple(value for value, _ in below)).values

    # The places

    def _path(self, name: str) -> list[str]:
        """The hyperparameter, what it is below, and so on."""
        return [name, *(self._path(self._above[name]) if name in self._above else ())]

    def _deepest(self, names: Sequence[str]) -> str | None:
        """The one that all others are above, once those that were above nothing are below them; None for branches."""
        order = list(self._found)
        last, *rest = sorted(dict.fromkeys(names), key=lambda name: (-len(self._path(name)), order.index(name)))
        for name in rest:
            if name not in self._path(last):
                top = self._path(name)[-1]
                if top in self._path(last):
                    return None
                self._above[top], last = last, name
        return last

    def _hang(self, child: str, under: Sequence[str]) -> bool:
        """Whether the child is below all of these now."""
        deepest = self._deepest(under)
        if deepest is None or child in self._path(deepest):
            return False
        self._above[child] = deepest
        return True

    # What is said

    def _values_of(self, name: str) -> tuple[Any, ...]:
        """All values of a parent; empty where they are too many to be written out."""
        own = self._found[name]
        if own.options is not None:
            return own.options
        if own.whole and own.high - own.low < _MOST_VALUES:
            return tuple(range(int(own.low), int(own.high) + 1))
        return ()

    def _read(self, condition: Mapping[str, Any]) -> _Test | None:
        """None for a condition on a range, or one that never holds."""
        kind = condition.get("type")
        if kind in ("AND", "OR"):
            parts = [self._read(part) for part in condition.get("conditions") or ()]
            known = [part for part in parts if part is not None]
            return _joined(known, all if kind == "AND" else any) if known and len(known) == len(parts) else None
        parent = str(condition.get("parent"))
        if parent not in self._found:
            raise ConfigError(f"conditions: there is no hyperparameter '{parent}'.")
        values, wanted = self._values_of(parent), condition.get("value")
        if kind == "IN":
            among = [value for value in values if value in condition["values"]]
        elif kind in ("LT", "GT"):  # of an ordinal one, by its place
            at = values.index(wanted) if wanted in values else None
            among = [] if at is None else list(values[:at] if kind == "LT" else values[at + 1 :])
        else:
            among = [value for value in values if (value == wanted) is (kind != "NEQ")]
        return self._is_among(parent, among) if among else None

    def _is_among(self, name: str, values: Sequence[Any]) -> _Test:
        return _Test((name,), lambda at: name in at and at[name] in values)


_EQUALITIES = ("EQUALS", "IN")


def _joined(tests: Sequence[_Test], how: Callable[[Any], bool]) -> _Test:
    """All of the tests, or any."""
    names = tuple(dict.fromkeys(name for test in tests for name in test.names))
    return _Test(names, lambda at: how(test.holds(at) for test in tests))


def _first(condition: Mapping[str, Any]) -> Mapping[str, Any]:
    parts: Sequence[Any] = condition.get("conditions") or ({},)
    return parts[0] if isinstance(parts[0], Mapping) else {}
