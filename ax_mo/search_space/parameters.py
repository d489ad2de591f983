"""A searched parameter: one of some options, or a number between two bounds; and when it is active."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ax_mo.core.trial import Value


@dataclass(frozen=True)
class Condition:
    """Holds while the choice ``key`` is active and one of the options ``texts`` is chosen."""

    key: str
    texts: tuple[str, ...]

    def holds(self, chosen: Mapping[str, str]) -> bool:
        """Whether these options, by group, meet it."""
        return chosen.get(self.key) in self.texts

    def describe(self) -> str:
        """``model=cnn``, or ``model in (cnn, resnet)``, for people."""
        return f"{self.key}={self.texts[0]}" if len(self.texts) == 1 else f"{self.key} in ({', '.join(self.texts)})"


def holds(when: Sequence[Condition], chosen: Mapping[str, str]) -> bool:
    """Whether all conditions hold; ``chosen`` has the option's text of each active choice."""
    return all(condition.holds(chosen) for condition in when)


def when_text(when: Sequence[Condition]) -> str:
    """The conditions as people read them; empty for a parameter that is always active."""
    return " and ".join(condition.describe() for condition in when)


@dataclass(frozen=True)
class Option:
    """One value of a choice, and the text that stands for it after ``key=``."""

    value: Value
    text: str


@dataclass(frozen=True)
class Choice:
    """One of a few values; ``ordered`` when neighbours are alike (all numbers)."""

    key: str
    options: tuple[Option, ...]
    ordered: bool = False
    is_group: bool = False
    when: tuple[Condition, ...] = ()

    @property
    def values(self) -> Sequence[Value]:
        """The values of its options."""
        return [option.value for option in self.options]

    def at(self, u: float) -> Value:
        """The value at ``u`` in [0, 1]: all options have the same share."""
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)].value

    def text(self, value: Value) -> str:
        """The value as on the command line. Raises ValueError for one that is no option."""
        return self._option(value).text

    def cast(self, value: Value) -> Value:
        """The option's own value for one that equals it. Raises ValueError for one that is no option."""
        return self._option(value).value

    def outside(self, value: Value) -> str | None:
        """What is wrong with a value that is not among the options, as "is not among ..."; None for one that is."""
        try:
            self._option(value)
        except ValueError:
            return f"is not among {', '.join(option.text for option in self.options)}"
        return None

    def _option(self, value: Value) -> Option:
        for option in self.options:
            # By their text, in which a NaN equals itself.
            if type(option.value) is type(value) and repr(option.value) == repr(value):
                return option
        for option in self.options:  # 1 for 1.0, as a config may have it; JSON makes texts of keys
            if isinstance(option.value, bool) != isinstance(value, bool):
                continue
            if option.value == value or json.loads(json.dumps(option.value)) == value:
                return option
        raise ValueError(f"{self.key} has no option {value!r}")

    def describe(self) -> str:
        """The choice in Hydra's grammar."""
        options = f"choice({', '.join(option.text for option in self.options)})"
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)
        if self.ordered == (numbers and not self.is_group):
            return options
        return f"tag({'ordered' if self.ordered else 'categorical'}, {options})"


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both included."""

    is_group: ClassVar[bool] = False

    key: str
    low: float
    high: float
    integral: bool = False
    log: bool = False
    when: tuple[Condition, ...] = ()

    @property
    def values(self) -> Sequence[Value]:
        """All values; of ranges of whole numbers only."""
        return range(int(self.low), int(self.high) + 1)

    def at(self, u: float) -> Value:
        """The value at ``u`` in [0, 1]: its quantile, on its own scale."""
        low, high = float(self.low), float(self.high)
        if self.integral:  # each integer owns a cell of width one, also at the bounds
            low, high = low - 0.5, high + 0.5
        if self.log:
            low = max(low, self.low / 2)
            value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
        else:
            value = low + u * (high - low)
        value = min(max(value, float(self.low)), float(self.high))
        return round(value) if self.integral else value

    def text(self, value: Value) -> str:
        """The value as Hydra's grammar writes it."""
        return str(int(value)) if self.integral else repr(float(value) + 0.0)  # no -0.0

    def cast(self, value: Value) -> Value:
        """The value as a number of the range: whole, or not."""
        return int(value) if self.integral else float(value) + 0.0

    def outside(self, value: Value) -> str | None:
        """What is wrong with a value that is not between the bounds, as "is below ..."; None for one that is."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return "is not a number"
        if value < self.low:
            return f"is below its lower bound {self.low:g}"
        if value > self.high:
            return f"is above its upper bound {self.high:g}"
        if self.integral and value != int(value):
            return "is not a whole number"
        return None

    def describe(self) -> str:
        """The range in Hydra's grammar."""
        interval = f"interval({self.low}, {self.high})"
        if self.integral:
            interval = f"int(interval({int(self.low)}, {int(self.high)}))"
        return f"tag(log, {interval})" if self.log else interval


Parameter = Choice | Range
