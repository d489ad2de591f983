"""ConfigSpace, as hypersweeper has it in YAML and its own files in JSON.

Hyperparameters, conditions and forbidden clauses, of format 0.4 and the earlier ones that ConfigSpace still reads:
https://automl.github.io/ConfigSpace
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ax_mo.dialects.conditions import Conditions, Hyperparameter
from ax_mo.dialects.translation import Translation, given_number
from ax_mo.errors import ConfigError, closest

CONFIGSPACE = "ConfigSpace (hypersweeper)"
_OF_HYPERSWEEPER = ("budget_variable", "sweeper_kwargs", "loading_variable", "saving_variable")
_KINDS = (
    "uniform_float", "uniform_int", "normal_float", "normal_int", "beta_float", "beta_int", "categorical", "ordinal",
    "constant",
)  # fmt: skip
_LISTS: dict[str, tuple[str, bool | None]] = {
    "categorical": ("choices", None), "ordinal": ("sequence", True), "constant": ("value", None),
}  # fmt: skip
"""Where the values of a kind are, and whether they have an order."""
_DEVIATIONS = 3
"""To each side of the mean of a normal hyperparameter without bounds."""


def translate_configspace(block: Mapping[str, Any]) -> Translation | None:
    """None for a block that is not in these words. Raises ConfigError for a hyperparameter that is wrong."""
    space = block if "hyperparameters" in block else block.get("search_space")
    has_space = isinstance(space, Mapping) and "hyperparameters" in space
    if not has_space and not any(name in block for name in _OF_HYPERSWEEPER):
        return None
    notes = [f"{name} is left out: it has no counterpart." for name in _OF_HYPERSWEEPER if block.get(name)]
    settings: dict[str, Any] = {}
    if space is not block:
        settings |= {} if block.get("objectives") else {"direction": "minimize"}
        if isinstance(block.get("n_trials"), int):
            settings["n_trials"] = block["n_trials"]
    if not isinstance(space, Mapping) or not has_space:
        notes.append("The search space is in a file of its own: translate that with ax-mo init --from.")
        return Translation(CONFIGSPACE, settings, tuple(notes))
    if space.get("seed") is not None:
        settings["seed"] = space["seed"]
    found = {one.name: one for one in _hyperparameters(space["hyperparameters"], notes)}
    relations: list[str] = []
    clauses = space.get("forbiddens") or space.get("forbidden") or ()
    left = [clause for clause in clauses if not _narrows(clause, found, relations)]
    conditions = Conditions(found, notes)
    for condition in space.get("conditions") or ():
        conditions.add(condition)
    for clause in left:
        if clause.get("type") != "AND" or not conditions.forbid(clause.get("clauses") or ()):
            notes.append(f"A forbidden clause is left out, for it has no counterpart: {_as_words(clause)}.")
    settings["params"] = conditions.nested()
    if relations:
        settings["param_constraints"] = relations
    return Translation(CONFIGSPACE, settings, tuple(notes))


def _hyperparameters(given: Any, notes: list[str]) -> list[Hyperparameter]:
    if isinstance(given, Mapping):
        return [_hyperparameter(str(name), entry, notes) for name, entry in given.items()]
    return [_hyperparameter(str(entry["name"]), entry, notes) for entry in given]


def _hyperparameter(name: str, entry: Any, notes: list[str]) -> Hyperparameter:
    where = f"hyperparameters.{name}"
    kind = entry.get("type") if isinstance(entry, Mapping) else None
    if kind not in _KINDS:
        raise ConfigError(f"{where}.type must be one of {', '.join(_KINDS)}, not {kind}.{closest(str(kind), _KINDS)}")
    if entry.get("weights") or entry.get("probabilities"):
        notes.append(f"{name}: its weights are left out; all options are alike at first.")
    if kind in _LISTS:
        key, ordered = _LISTS[kind]
        options = entry.get(key)
        if key != "value" and (not isinstance(options, list) or not options):
            raise ConfigError(f"{where}.{key} must be a list of values, not {options!r}.")
        return Hyperparameter(name, options=(options,) if key == "value" else tuple(options), ordered=ordered)
    log, whole = bool(entry.get("log")), str(kind).endswith("_int")
    if kind.startswith("normal") and entry.get("lower") is None:
        mean, deviation = (given_number(entry.get(key), f"{where}.{key}") for key in ("mu", "sigma"))
        low, high = mean - _DEVIATIONS * deviation, mean + _DEVIATIONS * deviation
        notes.append(f"{name} had no bounds: those here are {_DEVIATIONS} standard deviations away. Check them.")
    else:
        low, high = (given_number(entry.get(key), f"{where}.{key}") for key in ("lower", "upper"))
    if not str(kind).startswith("uniform"):
        notes.append(f"{name}: within its bounds all values are alike at first, where ConfigSpace had {kind}.")
    return Hyperparameter(name, low, high, log, whole)


def _narrows(clause: Mapping[str, Any], found: dict[str, Hyperparameter], relations: list[str]) -> bool:
    """Whether it is one of a single hyperparameter, whose range it makes smaller, or a relation, now a constraint."""
    kind = clause.get("type")
    name = clause.get("name")
    own = found.get(str(name))
    if own is not None and own.options is not None and kind in ("EQUALS", "IN"):
        gone = clause["values"] if kind == "IN" else [clause["value"]]
        found[own.name] = replace(own, options=tuple(option for option in own.options if option not in gone))
        return True
    if own is not None and own.options is None and str(kind).startswith("CLAUSE_"):
        bound = given_number(clause["value"], f"forbiddens.{name}.value")
        beyond = 1 if own.whole and str(kind).endswith("E") else 0  # of what is forbidden, the bound itself
        is_lower = "_L" in str(kind)
        found[own.name] = replace(own, low=bound + beyond) if is_lower else replace(own, high=bound - beyond)
        return True
    left, right, how = clause.get("left"), clause.get("right"), str(clause.get("lambda") or kind)
    if left in found and right in found and how.rpartition("_")[2] in ("LT", "LE", "GT", "GE"):
        less, more = (right, left) if how.rpartition("_")[2] in ("LT", "LE") else (left, right)
        relations.append(f"{less} <= {more}")
        return True
    return False


def _as_words(clause: Mapping[str, Any]) -> str:
    parts: Sequence[Any] = clause.get("clauses") or ()
    if parts:
        return f" {str(clause.get('type')).lower()} ".join(map(_as_words, parts))
    return f"{clause.get('name')}={clause.get('value', clause.get('values'))}"
