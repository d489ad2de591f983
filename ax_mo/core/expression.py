"""Arithmetic on named numbers: ``model.width * model.depth``, ``sum(model.layers)``, ``log(num_params)``."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    # Of floats: an integer's power may take all memory, and a float's is an error there.
    ast.Pow: math.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_OF_LISTS: Mapping[str, Callable[..., Any]] = {"sum": sum, "len": len, "min": min, "max": max}
_OF_NUMBERS: Mapping[str, Callable[[float], float]] = {
    "log": math.log, "log10": math.log10, "exp": math.exp, "sqrt": math.sqrt, "abs": abs,
}  # fmt: skip
_ABOVE_ZERO = ("log", "log10")
FUNCTIONS = (*_OF_LISTS, *_OF_NUMBERS)
_MOST_DIGITS = 1e100
"""Beyond it a number is no measurement."""
_POSSIBLE = f"+ - * / // % **, parentheses, {', '.join(f'{name}()' for name in FUNCTIONS)}"


class ExpressionError(ValueError):
    """The expression has no number as its value; the message says why."""


class Incalculable(ExpressionError):
    """It has none for these values: a division by zero, the logarithm of what is not above zero."""


def evaluate(text: str, value_of: Callable[[str], Any]) -> float:
    """The number that the expression comes to; ``value_of`` a dotted key is a number or, for functions, a list of them.

    A list's entries are ``model.layers[0]``. Raises ExpressionError, and what ``value_of`` raises.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"is no expression; possible are keys, numbers, {_POSSIBLE}") from None
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if not any(isinstance(node, ast.Name) and id(node) not in called for node in ast.walk(tree)):
        raise ExpressionError("names no key of the configuration, and would be the same in every trial")
    try:
        return checked_number(_value(tree.body, value_of), text)
    except ExpressionError:
        raise
    except (ArithmeticError, ValueError) as error:
        raise Incalculable(f"cannot be calculated: {error}") from None
    except RecursionError:
        raise ExpressionError("is nested too deeply") from None


def _value(node: ast.expr, value_of: Callable[[str], Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATORS:
            return _apply(operation, _numeric(left, value_of), _numeric(right, value_of))
        case ast.UnaryOp(op=operation, operand=operand) if type(operation) in _OPERATORS:
            return _apply(operation, _numeric(operand, value_of))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _OF_NUMBERS:
            return _of_number(name, _numeric(argument, value_of))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _OF_LISTS and arguments:
            return _call(name, [_value(argument, value_of) for argument in arguments])
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return value_of(_key(node))
    raise ExpressionError(f"holds '{ast.unparse(node):.50}'; possible are keys, numbers, {_POSSIBLE}")


def _apply(operation: ast.AST, *operands: float) -> Any:
    found = _OPERATORS[type(operation)](*operands)
    if isinstance(found, complex) or abs(found) > _MOST_DIGITS:
        raise OverflowError("the result is too large")
    return found


def _of_number(name: str, number: float) -> float:
    if name in _ABOVE_ZERO and number <= 0:
        raise Incalculable(f"has {name}() of {number:g}, which is not above zero")
    return _OF_NUMBERS[name](number)


def _call(name: str, arguments: list[Any]) -> Any:
    of = arguments[0] if len(arguments) == 1 else arguments
    if not isinstance(of, list):
        raise ExpressionError(f"has {name}() of what is no list ({of!r:.50})")
    if name == "len":
        return len(of)
    if name in ("min", "max") and not of:
        raise ExpressionError(f"has {name}() of an empty list")
    return _OF_LISTS[name](checked_number(entry, "") for entry in of)


def _numeric(node: ast.expr, value_of: Callable[[str], Any]) -> float:
    return checked_number(_value(node, value_of), ast.unparse(node))


def checked_number(value: Any, text: str) -> float:
    """The value, which ``text`` stands for, if it is a finite number. Raises ExpressionError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        of = f"'{text:.50}' is" if text else "a list holds"
        raise ExpressionError(f"has no number as its value: {of} {value!r:.50}")
    return value


def _key(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=before, attr=name):
            return f"{_key(before)}.{name}"
        case ast.Subscript(value=before, slice=ast.Constant(value=int() as index)):
            return f"{_key(before)}[{index}]"
    raise ExpressionError(f"holds '{ast.unparse(node):.50}', which is no key")
