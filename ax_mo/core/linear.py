"""Linear inequalities as people write them: ``2*a.b + c.d <= 10``."""

import ast
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ax_mo.errors import ConfigError

ROUNDING = 1e-9
"""How far beyond its bound a suggestion may lie: it is rounded on its way through a model's unit cube."""

# A bare name may hold dots, slashes and a package ("optim@a.b"), as metric names and Hydra's keys do.
_TOKEN = re.compile(
    r"\s*(?:(?P<compare><=|>=|==|!=|<|>|=)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d][\w./@:]*)|(?P<quoted>`[^`]*`|'[^']*'|\"[^\"]*\")|(?P<operator>[-+*])|(?P<other>\S))"
)
_GOES_ON = re.compile(r"[\w./@:]")
_QUOTES = "`'\""
_TOO_LARGE = 10**308


@dataclass(frozen=True)
class LinearConstraint:
    """``sum(weight * name) <= bound``; ``text`` is what the user wrote.

    One that was parsed is exact, as metrics need it: a bound may be as small as the metric. The space, whose points are
    rounded, makes its own of it, and those forgive ``ROUNDING``.
    """

    terms: tuple[tuple[str, float], ...]
    bound: float
    text: str
    tolerance: float = ROUNDING
    """How far beyond the bound still meets it, relative to the largest number in it, or absolute below 1."""

    @property
    def names(self) -> tuple[str, ...]:
        """What it constrains."""
        return tuple(name for name, _ in self.terms)

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether these values, of all its names, meet it."""
        parts = [weight * values[name] for name, weight in self.terms]
        return sum(parts) <= self.bound + self.tolerance * max(1.0, abs(self.bound), *map(abs, parts))


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    bare: bool = False
    """Whether it is a name that was neither quoted nor known."""


@dataclass(frozen=True)
class LinearComparison:
    """``sum(weight * name) <relation> bound``, the relation as it was written."""

    terms: tuple[tuple[str, float], ...]
    relation: str
    bound: float


def parse_linear(text: str, key: str, node: str = "hydra.sweeper.", known: Collection[str] = ()) -> LinearConstraint:
    """Parse one inequality; ``node`` and ``key`` are what error messages name. Raises ConfigError.

    Any name may stand in backticks or quotes. Of the ``known`` names, those that hold spaces, signs and the like need
    none, and the longest counts: where ``val-acc`` is known, ``val-acc`` is no difference, and ``val - acc`` is.
    """
    examples = "'a <= b', '2*a + b <= 10' or 'a >= 0.5'"
    found = parse_comparison(text, f"{node}{key}", ("<=", ">="), examples, known)
    if found.relation == "<=":
        return LinearConstraint(found.terms, found.bound, text, tolerance=0.0)
    turned = tuple((name, -weight) for name, weight in found.terms)
    return LinearConstraint(turned, -found.bound, text, tolerance=0.0)


def parse_comparison(
    text: str, where: str, relations: Sequence[str], examples: str, known: Collection[str] = ()
) -> LinearComparison:
    """Parse one linear comparison by one of ``relations``. Raises ConfigError, which begins with ``where``.

    What is ``known`` is that of ``parse_linear``.
    """

    def wrong(reason: str) -> ConfigError:
        return ConfigError(
            f"{where}: '{text}' {reason}. Write a linear inequality such as {examples}, and in backticks a name that "
            "holds other signs than . / @ : and _, such as '`val-acc` >= 0.5'."
        )

    tokens = list(_tokens(text, known))
    _refuse_pieces(tokens, known, f"{where}: '{text}'")
    for token in tokens:
        if token.kind == "other":
            raise wrong(f"has an {'unclosed' if token.text in _QUOTES else 'unexpected'} '{token.text}'")
        if not token.text:
            raise wrong("has an empty name")
    comparisons = [index for index, token in enumerate(tokens) if token.kind == "compare"]
    possible = [f"'{relation}'" for relation in relations]
    if len(comparisons) != 1:
        raise wrong(f"needs exactly one {', '.join(possible[:-1])} or {possible[-1]}")
    middle = comparisons[0]
    relation = tokens[middle].text
    if relation not in relations:
        raise wrong(f"compares with '{relation}'; only {', '.join(possible[:-1])} and {possible[-1]} are possible")
    left, right = _side(tokens[:middle], wrong), _side(tokens[middle + 1 :], wrong)
    bound = right.pop("", 0.0) - left.pop("", 0.0)
    weights = {name: left.get(name, 0.0) - right.get(name, 0.0) for name in [*left, *right]}
    if not all(map(math.isfinite, [bound, *weights.values()])):
        raise wrong("has a number that is too large")
    terms = tuple((name, weight) for name, weight in weights.items() if weight != 0.0)
    if not terms:
        raise wrong("names nothing to constrain")
    return LinearComparison(terms, relation, bound)


def in_quotes(name: str) -> str:
    """The name in the first quotes that it does not hold itself."""
    quote = next((quote for quote in _QUOTES if quote not in name), "")
    return f"{quote}{name}{quote}"


def _tokens(text: str, known: Collection[str] = ()) -> Iterator[_Token]:
    # A name that begins like a sign would take the sign of a term: it is known in quotes only.
    longest_first = sorted((name for name in known if name and name[0] not in "+-*<>=!"), key=len, reverse=True)
    position = 0
    while found := _TOKEN.match(text, position):
        kind = str(found.lastgroup)
        word, start = found[kind], found.start(kind)
        name = next((name for name in longest_first if _stands_at(name, text, start)), "")
        if len(name) > len(word) or (kind == "name" and name == word):
            word = name
            yield _Token("name", name)
        elif kind == "quoted":
            yield _Token("name", word[1:-1])
        else:
            yield _Token(kind, word, bare=kind == "name")
        position = start + len(word)


def _stands_at(name: str, text: str, position: int) -> bool:
    return text.startswith(name, position) and not _GOES_ON.match(text, position + len(name))


def _refuse_pieces(tokens: Sequence[_Token], known: Collection[str], where: str) -> None:
    """Raises ConfigError for a bare name that is likelier a piece of a known one, as 'val' is of 'val-acc'."""
    for token in tokens:
        for name in known if token.bare else ():
            pieces = list(_tokens(name))
            if len(pieces) > 1 and token in pieces:
                raise ConfigError(
                    f"{where} names '{token.text}', which is a part of the name '{name}'. Write {in_quotes(name)} for "
                    f"the whole name, or {in_quotes(token.text)} for a metric that is called so."
                )


def _side(tokens: Sequence[_Token], wrong: Callable[[str], ConfigError]) -> dict[str, float]:
    """The weight of each name on one side of the inequality, and with an empty name, the constant."""
    if not tokens:
        raise wrong("has an empty side")
    names = {f"n{index}": token.text for index, token in enumerate(tokens) if token.kind == "name"}
    words = [f"n{index}" if token.kind == "name" else token.text for index, token in enumerate(tokens)]
    try:
        return _weights(ast.parse(" ".join(words), mode="eval").body, names)
    except (SyntaxError, RecursionError, MemoryError):
        side = " ".join(token.text for token in tokens)
        raise wrong(f"has '{side:.50}', which is no sum of names and numbers times names") from None


def _weights(node: ast.expr, names: Mapping[str, str]) -> dict[str, float]:
    """Those of a sum; ``names`` are what Python's names in it stand for. Raises SyntaxError for what is no such sum."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return {"": float(value) if value < _TOO_LARGE else math.inf}
        case ast.Name(id=name):
            return {names[name]: 1.0}
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
            return _combined({}, _weights(operand, names), 1.0 if isinstance(sign, ast.UAdd) else -1.0)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
            factor = 1.0 if isinstance(sign, ast.Add) else -1.0
            return _combined(_weights(left, names), _weights(right, names), factor)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            number, other = sorted((_weights(left, names), _weights(right, names)), key=lambda side: set(side) != {""})
            if set(number) == {""}:
                return _combined({}, other, number[""])
    raise SyntaxError


def _combined(first: Mapping[str, float], second: Mapping[str, float], factor: float) -> dict[str, float]:
    """``first + factor * second``."""
    return {**first, **{name: first.get(name, 0.0) + factor * weight for name, weight in second.items()}}
