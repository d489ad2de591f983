"""One number made of a trial's metrics, as people write it: ``0.7*acc - 0.3*log(num_params)``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ax_mo.core.expression import FUNCTIONS, Incalculable, evaluate
from ax_mo.errors import ConfigError, closest

# A bare name may hold . / @ and :, as in constraints, where a letter follows: a/1000 is a quotient, and so is a / b.
_WORD = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|`(?P<quoted>[^`]+)`"
    r"|(?P<name>[^\W\d]\w*(?:[./@:][^\W\d]\w*)*)(?P<call>\s*\()?"
)


@dataclass(frozen=True)
class MetricExpression:
    """An expression over metrics; ``text`` is what the user wrote, ``names`` the metrics in their order in it."""

    text: str
    names: tuple[str, ...]
    template: str
    """The text as ``evaluate`` takes it: ``n0`` in place of the first name, and so on."""

    def value(self, metrics: Mapping[str, float]) -> float:
        """Its value for these metrics, which hold all of ``names``.

        Raises Incalculable where there is none, as of the logarithm of zero.
        """
        return float(evaluate(self.template, lambda name: metrics[self.names[int(name[1:])]]))

    def inputs(self, metrics: Mapping[str, float]) -> str:
        """What its metrics are, for people."""
        return ", ".join(f"{name}={metrics[name]:g}" for name in self.names)


def parse_expression(text: object, key: str) -> MetricExpression:
    """Raises ConfigError, which begins with ``key``."""
    example = "an expression of metrics, such as '0.7*acc - 0.3*log(num_params)'"
    if not isinstance(text, str):
        raise ConfigError(f"{key} must be {example}, not {text!r}.")
    names: list[str] = []

    def placed(found: re.Match[str]) -> str:
        name = found["quoted"] or found["name"]
        if name is None:
            return found[0]
        if found["call"]:
            if name not in FUNCTIONS:
                raise ConfigError(
                    f"{key}: '{text}' has a function {name}(); there are {', '.join(FUNCTIONS)}."
                    f"{closest(name, FUNCTIONS)}"
                )
            return found[0]
        if name not in names:
            names.append(name)
        return f"n{names.index(name)}"

    template = _WORD.sub(placed, text)
    made = MetricExpression(text, tuple(names), template)
    if not names:
        raise ConfigError(f"{key}: '{text}' names no metric; write {example}.")
    try:
        made.value(dict.fromkeys(names, 1.0))
    except Incalculable:
        pass  # of ones, but not of all numbers
    except ValueError:
        raise ConfigError(
            f"{key}: '{text}' is no expression; possible are numbers, names of metrics (in backticks where they hold "
            f"signs other than . / @ and :), + - * / **, parentheses, {', '.join(f'{name}()' for name in FUNCTIONS)}."
        ) from None
    return made
