"""The metrics that a project's source is seen to log, and those that its task returns."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ax_mo.experiment_file.sources import Source

_LOGS = ("log", "log_dict", "report", "log_metrics")
_CASTS = ("float", "int", "round", "sum", "abs", "mean", "max", "min")
_NO_METRIC = (*_CASTS, "cfg", "config", "conf", "args", "self", "len", "np", "torch")
_DEEPEST = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class ReturnedNames:
    """What a task returns: a mapping with these names, a tuple of these, or one number; an unknown name is empty."""

    names: tuple[str, ...] = ()
    kind: str = "number"
    """mapping, tuple or number."""
    items: tuple["ReturnedNames", ...] = ()


def logged_names(sources: Sequence[Source]) -> list[str]:
    """Names that are logged as literals, by ``self.log("val/acc", ...)``, ``log_dict`` or ``ax_mo.report``."""
    return list(dict.fromkeys(name for source in sources for name in _logged(source.tree)))


def uses(sources: Sequence[Source], name: str) -> bool:
    """Whether a function or method of that name is called anywhere."""
    calls = (node.func for source in sources for node in ast.walk(source.tree) if isinstance(node, ast.Call))
    return any(name in (getattr(called, "attr", ""), getattr(called, "id", "")) for called in calls)


def returned_names(sources: Sequence[Source]) -> ReturnedNames | None:
    """What the function returns that Hydra calls; None where there is none to be seen, or it returns nothing."""
    reader = _Reader(sources)
    for source in sources:
        if (task := _task(source.tree)) is not None:
            return reader.returned(task)
    return None


def _logged(tree: ast.Module) -> Iterator[str]:
    for call in sorted((node for node in ast.walk(tree) if isinstance(node, ast.Call)), key=lambda node: node.lineno):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _LOGS:
            continue
        given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in ("name", "dictionary"))]
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and call.func.attr == "log":
                yield value.value
            elif isinstance(value, ast.Dict):
                yield from _literal_keys(value)
        if call.func.attr == "report":
            yield from (keyword.arg for keyword in call.keywords if keyword.arg not in (None, "step"))


def _literal_keys(mapping: ast.Dict) -> list[str]:
    return [key.value for key in mapping.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def _task(tree: ast.Module) -> Function | None:
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    for function in functions.values():
        if any(_is_main(decorator) for decorator in function.decorator_list):
            return function
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):  # zen(train).hydra_main(...)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "hydra_main":
            wrapped = [node.id for node in ast.walk(call.func.value) if isinstance(node, ast.Name)]
            return next((functions[name] for name in wrapped if name in functions), None)
    return None


def _is_main(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Attribute):
        return called.attr == "main" and isinstance(called.value, ast.Name) and called.value.id == "hydra"
    keywords = {word.arg for word in decorator.keywords} if isinstance(decorator, ast.Call) else set()
    return bool(keywords & {"config_name", "config_path"})


class _Reader:
    """Follows what is returned through local names and functions."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._functions: dict[str, Function] = {}
        for source in reversed(sources):  # the nearest one wins
            found = {node.name: node for node in ast.walk(source.tree) if isinstance(node, Function)}
            self._functions.update(found)

    def returned(self, function: Function, depth: int = 0) -> ReturnedNames | None:
        values = [node.value for node in _own_nodes(function) if isinstance(node, ast.Return) and node.value]
        found = [self._shape(value, function, depth) for value in values if not _is_no_number(value)]
        return max(found, key=lambda shape: (shape.kind != "number", bool(shape.names)), default=None)

    def _shape(self, value: ast.expr, within: Function, depth: int) -> ReturnedNames:
        if depth > _DEEPEST:
            return ReturnedNames()
        if isinstance(value, ast.Dict):
            return self._mapping(value, within, depth)
        if isinstance(value, ast.Tuple | ast.List):
            items = tuple(self._shape(item, within, depth + 1) for item in value.elts)
            return ReturnedNames(tuple(item.names[0] if item.names else "" for item in items), "tuple", items)
        if isinstance(value, ast.Name):
            return self._assigned(value.id, within, depth)
        if isinstance(value, ast.Call):
            return self._called(value, within, depth)
        if isinstance(value, ast.IfExp):
            return self._shape(value.body, within, depth + 1)
        if isinstance(value, ast.Attribute):
            return ReturnedNames((value.attr,))
        if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Constant):
            return ReturnedNames((str(value.slice.value),) if isinstance(value.slice.value, str) else ())
        names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and node.id not in _NO_METRIC}
        return ReturnedNames(tuple(names)) if len(names) == 1 else ReturnedNames()

    def _mapping(self, value: ast.Dict, within: Function, depth: int) -> ReturnedNames:
        names = _literal_keys(value)
        for key, inner in zip(value.keys, value.values, strict=True):
            if key is None:  # **others
                shape = self._shape(inner, within, depth + 1)
                names += shape.names if shape.kind == "mapping" else ()
        return ReturnedNames(tuple(dict.fromkeys(names)), "mapping")

    def _assigned(self, name: str, within: Function, depth: int) -> ReturnedNames:
        shape, more = ReturnedNames((name,)), list[str]()
        for node in _own_nodes(within):
            targets, value = _assignment(node)
            for target in targets:
                if value is None:
                    continue
                if isinstance(target, ast.Name) and target.id == name:
                    known = self._shape(value, within, depth + 1)
                    shape = known if known.kind != "number" else shape
                elif isinstance(target, ast.Tuple):
                    at = [i for i, item in enumerate(target.elts) if isinstance(item, ast.Name) and item.id == name]
                    whole = self._shape(value, within, depth + 1) if at else ReturnedNames()
                    shape = whole.items[at[0]] if at and at[0] < len(whole.items) else shape
                elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and isinstance(
                    target.slice, ast.Constant
                ):  # fmt: skip
                    more += [str(target.slice.value)] if target.value.id == name else []
        if shape.kind != "mapping":
            return shape
        return ReturnedNames(tuple(dict.fromkeys((*shape.names, *more))), "mapping")

    def _called(self, call: ast.Call, within: Function, depth: int) -> ReturnedNames:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("item", "cpu", "detach", "mean", "compute"):
            return self._shape(call.func.value, within, depth + 1)
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name in self._functions and self._functions[name] is not within:
            return self.returned(self._functions[name], depth + 1) or ReturnedNames()
        if name == "dict":
            return ReturnedNames(tuple(word.arg for word in call.keywords if word.arg), "mapping")
        if name in _CASTS and call.args:
            return self._shape(call.args[0], within, depth + 1)
        return ReturnedNames()


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """The function's nodes in the order of its lines, without those of functions inside it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop(0)
        yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            todo = [*ast.iter_child_nodes(node), *todo]


def _assignment(node: ast.AST) -> tuple[Sequence[ast.expr], ast.expr | None]:
    if isinstance(node, ast.Assign):
        return node.targets, node.value
    if isinstance(node, ast.AnnAssign):
        return [node.target], node.value
    return [], None


def _is_no_number(value: ast.expr) -> bool:
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str | None))


def monitors(config: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Metrics that callbacks of the configuration watch: (class, metric, min or max); checkpoints first."""
    found = list(_monitors(config))
    yield from (each for each in found if each[0] == "ModelCheckpoint")
    yield from (each for each in found if each[0] != "ModelCheckpoint")


def _monitors(config: object) -> Iterator[tuple[str, str, str]]:
    if not isinstance(config, Mapping):
        return
    target, metric = config.get("_target_"), config.get("monitor")
    if isinstance(target, str) and isinstance(metric, str) and metric != "???" and "${" not in metric:
        name = target.rpartition(".")[2]
        if name in ("ModelCheckpoint", "EarlyStopping"):
            yield name, metric, "max" if config.get("mode") == "max" else "min"
    for value in config.values():
        yield from _monitors(value)
