"""Linear inequalities as people write them: ``2*a.b + c.d <= 10``. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ax_mo.errors import ConfigError

# A name may hold dots, slashes and a package ("optim@a.b"), as metric names and Hydra's keys do.
_TOKEN = re.compile(
    r"\s*(?:(?P<compare><=|>=|==|!=|<|>|=)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w./@:]*)|(?P<operator>[-+*])|(?P<other>\S))"
)


@dataclass(frozen=True)
class LinearConstraint:
    """``sum(weight * name) <= bound``; ``text`` is what the user wrote."""

    terms: tuple[tuple[str, float], ...]
    bound: float
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.terms)

    def holds(self, values: Mapping[str, float]) -> bool:
        total = sum(weight * values[name] for name, weight in self.terms)
        # Suggestions are rounded on their way through a model's unit cube.
        return total <= self.bound + 1e-9 * max(1.0, abs(self.bound))


@dataclass(frozen=True)
class Comparison:
    """``sum(weight * name) <relation> bound``, the relation as it was written."""

    terms: tuple[tuple[str, float], ...]
    relation: str
    bound: float


def parse_linear(text: str, key: str, node: str = "hydra.sweeper.") -> LinearConstraint:
    """Parse one inequality; ``node`` and ``key`` are what error messages name. Raises ConfigError."""
    found = parse_comparison(text, f"{node}{key}", ("<=", ">="), "'a <= b', '2*a + b <= 10' or 'a >= 0.5'")
    if found.relation == "<=":
        return LinearConstraint(found.terms, found.bound, text)
    return LinearConstraint(tuple((name, -weight) for name, weight in found.terms), -found.bound, text)


def parse_comparison(text: str, where: str, relations: Sequence[str], examples: str) -> Comparison:
    """Parse one linear comparison by one of ``relations``. Raises ConfigError, which begins with ``where``."""

    def wrong(reason: str) -> ConfigError:
        return ConfigError(f"{where}: '{text}' {reason}. Write a linear inequality such as {examples}.")

    tokens = [(str(match.lastgroup), match.group().strip()) for match in _TOKEN.finditer(text)]
    for kind, token in tokens:
        if kind == "other":
            raise wrong(f"has an unexpected '{token}'")
    comparisons = [index for index, (kind, _) in enumerate(tokens) if kind == "compare"]
    known = [f"'{relation}'" for relation in relations]
    if len(comparisons) != 1:
        raise wrong(f"needs exactly one {', '.join(known[:-1])} or {known[-1]}")
    middle = comparisons[0]
    relation = tokens[middle][1]
    if relation not in relations:
        raise wrong(f"compares with '{relation}'; only {', '.join(known[:-1])} and {known[-1]} are possible")
    left, left_constant = _side(tokens[:middle], wrong)
    right, right_constant = _side(tokens[middle + 1 :], wrong)
    weights: dict[str, float] = {}
    for name, weight in left:
        weights[name] = weights.get(name, 0.0) + weight
    for name, weight in right:
        weights[name] = weights.get(name, 0.0) - weight
    terms = tuple((name, weight) for name, weight in weights.items() if weight != 0.0)
    if not terms:
        raise wrong("names nothing to constrain")
    return Comparison(terms, relation, right_constant - left_constant)


def _side(tokens: list[tuple[str, str]], wrong: Callable[[str], ConfigError]) -> tuple[list[tuple[str, float]], float]:
    """The named terms and the constant of one side of the inequality."""
    terms: list[tuple[str, float]] = []
    constant = 0.0
    if not tokens:
        raise wrong("has an empty side")
    position = 0
    while position < len(tokens):
        sign = 1.0
        if position > 0 and tokens[position][1] not in ("+", "-"):
            raise wrong(f"needs '+', '-' or '*' before '{tokens[position][1]}'")
        while position < len(tokens) and tokens[position][1] in ("+", "-"):
            sign = -sign if tokens[position][1] == "-" else sign
            position += 1
        factor, name = sign, None
        while True:
            if position >= len(tokens) or tokens[position][0] == "operator":
                raise wrong("ends in an operator or has two in a row")
            kind, token = tokens[position]
            if kind == "number":
                factor *= float(token)
            elif name is None:
                name = token
            else:
                raise wrong(f"multiplies '{name}' by '{token}', which is not linear")
            position += 1
            if position < len(tokens) and tokens[position][1] == "*":
                position += 1
                continue
            break
        if name is None:
            constant += factor
        else:
            terms.append((name, factor))
    return terms, constant
