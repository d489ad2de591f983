"""The JSON schema of an experiment file, for editors: made of the structured configs and what their fields are for."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from importlib.metadata import version
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ax_mo.core.objective import Scale
from ax_mo.core.objectives import DIRECTIONS
from ax_mo.early_stopping.rules import EarlyStopping
from ax_mo.early_stopping.settings import STOPPING_RULES
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.settings import BLOCK, HELP
from ax_mo.optimizer.protocol import OPTIMIZERS
from ax_mo.runner.settings import (
    ABOVE_ZERO_OF_LAUNCHER,
    AUTO,
    CONTAINERS,
    LEAST_OF_LAUNCHER,
    LOCAL,
    RAY,
    WARM,
    LauncherSettings,
)
from ax_mo.sweep.settings import ABOVE_ZERO_OF_SWEEPER, AUTO_JOBS, LEAST_OF_SWEEPER, Settings
from ax_mo.trackers import TRACKERS
from ax_mo.trial.files import write_atomically

SCHEMA_FILE = "ax_mo.schema.json"
"""Its name beside an experiment file."""

_ID = "urn:ax_mo:experiment:"
_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", dict: "object", list: "array"}
_OF_HYDRA = ("_target_", "_recursive_", "_convert_")
_INTERPOLATION = {"type": "string", "pattern": r"\$\{"}
_GRAMMAR = ("tag(log, interval(1e-4, 1e-1))", "int(interval(16, 128))", "range(1, 5)", "choice(a, b)", "glob(*)")

Schema = dict[str, Any]


def experiment_schema() -> Schema:
    """Draft 7, which YAML editors know best. Keys that are not ours are the project's and are not checked."""
    release = version("hydra-ax-mo")
    hydra = {"type": "object", "properties": {"sweeper": {"$ref": "#/definitions/sweeper"}}}
    launcher = {"properties": {"hydra": {"properties": {"launcher": {"$ref": "#/definitions/launcher"}}}}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{_ID}{release}",
        "title": f"An experiment for ax_mo {release}",
        "type": "object",
        "properties": {"defaults": {"type": "array"}, "hydra": hydra},
        "if": _has_another_launcher(),
        "else": launcher,
        "definitions": {
            "interpolation": _INTERPOLATION,
            "sweeper": _of_settings(Settings, LEAST_OF_SWEEPER, ABOVE_ZERO_OF_SWEEPER, _sweeper_shapes()),
            "launcher": _of_settings(
                LauncherSettings, LEAST_OF_LAUNCHER, ABOVE_ZERO_OF_LAUNCHER, _launcher_shapes()
            ),
        },
    }  # fmt: skip


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(experiment_schema(), indent=2) + "\n"


def put_schema_beside(target: Path) -> None:
    """Write the schema into the directory of an experiment file, in place of another release's.

    Raises AxMoError for a file of that name which is no schema of ours.
    """
    path = target.with_name(SCHEMA_FILE)
    if path.exists() and f'"{_ID}' not in path.read_text(encoding="utf-8", errors="replace"):
        raise AxMoError(f"{path} exists, and is no schema of ax_mo.")
    write_atomically(path, schema_text())


def _has_another_launcher() -> Schema:
    """Whether the defaults list chooses a launcher that has settings of its own."""
    other = {"not": {"const": "torchx"}}
    chosen = [
        {"type": "object", "required": [key], "properties": {key: other}}
        for key in ("override /hydra/launcher", "override hydra/launcher", "/hydra/launcher")
    ]
    return {"required": ["defaults"], "properties": {"defaults": {"contains": {"anyOf": chosen}}}}


def _of_settings(
    settings: type, least: Mapping[str, float], above_zero: Mapping[str, str], shapes: Mapping[str, Schema]
) -> Schema:
    hints = get_type_hints(settings)
    properties: dict[str, Schema] = {name: {} for name in _OF_HYDRA}
    for each in fields(settings):
        shape = shapes.get(each.name) or _of_type(hints[each.name])
        if each.name in least:
            shape = _bounded(shape, {"minimum": least[each.name]})
        if each.name in above_zero:
            shape = _bounded(shape, {"exclusiveMinimum": 0})
        properties[each.name] = {"description": each.metadata[HELP], **_or_interpolation(shape), **_default(each)}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _of_type(hint: Any) -> Schema:
    """Any is anything: what takes several forms has a shape of its own, or none."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if Any in kinds:
        return {}
    names = ["null" if kind is type(None) else _TYPES[get_origin(kind) or kind] for kind in kinds]
    shape: Schema = {"type": names[0] if len(names) == 1 else names}
    for kind in kinds:
        inner = get_args(kind)[-1] if get_origin(kind) in (dict, list) else Any
        if inner is not Any:
            items = _or_interpolation(_of_type(inner))
            shape["items" if get_origin(kind) is list else "additionalProperties"] = items
    return shape


def _bounded(shape: Schema, bound: Schema) -> Schema:
    if "anyOf" in shape:
        return {"anyOf": [one | bound if one.get("type") == "integer" else one for one in shape["anyOf"]]}
    return shape | bound


def _or_interpolation(shape: Schema) -> Schema:
    """``${...}`` may stand for any value; where a text may, it is one."""
    if not shape or "string" in shape.get("type", ()):
        return shape
    return {"anyOf": [*shape.get("anyOf", [shape]), {"$ref": "#/definitions/interpolation"}]}


def _default(each: "Field[Any]") -> Schema:
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    return {} if default is None or BLOCK in each.metadata else {"default": default}


def _block(name: str, shapes: Mapping[str, Schema]) -> Schema:
    """A block of settings, of which null is the default."""
    (each,) = (each for each in fields(Settings) if each.name == name)
    helps: Mapping[str, str] = each.metadata[BLOCK]
    own = {setting: {"description": help_, **shapes.get(setting, {})} for setting, help_ in helps.items()}
    return {"type": ["object", "null"], "properties": own}


def _names(known: Any) -> Schema:
    """Names that are offered, where a package may add others."""
    return {"anyOf": [{"enum": list(known)}, {"type": "string"}]}


def _sweeper_shapes() -> dict[str, Schema]:
    goals = {"enum": list(DIRECTIONS)}
    objective = {
        "type": "object",
        "properties": {
            "goal": {
                "anyOf": [goals, {"type": "number"}, _INTERPOLATION],
                "description": "Which way is better, or the number to come near.",
            },
            "tolerance": {
                "description": "How far from that number is near enough.",
                **_or_interpolation({"type": "number"}),
            },
            "threshold": {
                "description": "The worst value that is still of interest; the search's reference point.",
                **_or_interpolation({"type": "number"}),
            },
            "scale": {"enum": [scale.value for scale in Scale], "description": "auto: costs are compared by ratios."},
        },
        "required": ["goal"],
    }
    stopping = {
        name: _or_interpolation({"type": [*_as_list(_of_type(hint)["type"]), "null"]})
        for name, hint in get_type_hints(EarlyStopping).items()
        if name != "curves"
    }
    return {
        "objectives": {
            "type": "object",
            "additionalProperties": {"anyOf": [goals, {"type": "number"}, objective, _INTERPOLATION]},
        },
        "direction": {"anyOf": [goals, {"type": "array", "items": goals}, {"type": "null"}]},
        "params": {
            "type": ["object", "null"],
            "additionalProperties": {
                "type": ["string", "number", "boolean", "object", "array", "null"],
                "examples": list(_GRAMMAR),
            },
        },
        "early_stopping": _block("early_stopping", {**stopping, "rule": _names([*STOPPING_RULES.names, None])}),
        "stop_when": _block("stop_when", {}),
        "n_jobs": {"anyOf": [{"type": "integer"}, {"const": AUTO_JOBS}]},
        "method": _names(OPTIMIZERS.names),
        "trackers": {
            "anyOf": [{"type": "array", "items": _names(TRACKERS.names)}, _names(TRACKERS.names), {"type": "null"}]
        },
    }


def _launcher_shapes() -> dict[str, Schema]:
    return {"scheduler": _names([AUTO, LOCAL, WARM, "slurm", RAY, *CONTAINERS])}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
