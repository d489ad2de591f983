"""What a trial can leave in place of its result and its learning curve. Needs nothing but the standard library."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULT = "result.json"
CURVE = "curve.jsonl"
DEEP = 100_000


@dataclass(frozen=True)
class Poison:
    """``leave`` puts it into a trial's directory, given a good result; ``reason`` is what the study says of it."""

    name: str
    leave: Callable[[Path, dict[str, Any]], None]
    reason: str


def holds(text: str | bytes) -> Callable[[Path, dict[str, Any]], None]:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return lambda directory, _good: _place(directory / RESULT, content)


def with_(**changes: Any) -> Callable[[Path, dict[str, Any]], None]:
    return lambda directory, good: _place(directory / RESULT, json.dumps({**good, **changes}).encode())


def metric(text: str) -> Callable[[Path, dict[str, Any]], None]:
    """The metric ``loss`` as it stands in the file."""
    return lambda directory, good: _place(
        directory / RESULT,
        json.dumps({**good, "metrics": {"loss": "HERE", "size": 1}}).replace('"HERE"', text).encode(),
    )


def failed(kind: Any, message: Any) -> Callable[[Path, dict[str, Any]], None]:
    return with_(status="failed", metrics={}, error={"type": kind, "message": message, "traceback": ""})


def without(name: str) -> Callable[[Path, dict[str, Any]], None]:
    def leave(directory: Path, good: dict[str, Any]) -> None:
        _place(directory / RESULT, json.dumps({key: good[key] for key in good if key != name}).encode())

    return leave


def instead(make: Callable[[Path], None]) -> Callable[[Path, dict[str, Any]], None]:
    def leave(directory: Path, good: dict[str, Any]) -> None:
        path = directory / RESULT
        _place(directory / "good.json", json.dumps(good).encode())
        path.unlink(missing_ok=True)
        make(path)

    return leave


def _place(path: Path, content: bytes) -> None:
    path.write_bytes(content)


RESULTS = (
    Poison("number beyond all floats", metric("1e999"), "metrics.loss is no finite number, at most 1e+100 (inf)"),
    Poison("negative number beyond all floats", metric("-1e999"), "metrics.loss is no finite number"),
    Poison("number that no model learns from", metric("1e200"), "metrics.loss is no finite number"),
    Poison("integer of 400 digits", metric("1" * 400), "metrics.loss is no finite number"),
    Poison("integer of 300 digits", metric("1" * 300), "metrics.loss is no finite number"),
    Poison("integer of 5000 digits", metric("-" + "7" * 5000), "metrics.loss is no finite number"),
    Poison("NaN", metric("NaN"), "result.json: is no JSON: NaN"),
    Poison("Infinity", metric("-Infinity"), "result.json: is no JSON: -Infinity"),
    Poison("true", metric("true"), "metrics.loss is no number (True)"),
    Poison("null", metric("null"), "metrics.loss is no number (None)"),
    Poison("text", metric('"0.5"'), "metrics.loss is no number ('0.5')"),
    Poison("list", metric("[0.5]"), "metrics.loss is no number (a list)"),
    Poison("metrics are null", with_(metrics=None), "metrics is no object (None)"),
    Poison("metrics are a list", with_(metrics=[["loss", 1]]), "metrics is no object (a list)"),
    Poison("metrics are missing", without("metrics"), "metrics is no object"),
    Poison("100,000 open lists", holds("[" * DEEP), "has more than 100 levels"),
    Poison("100,000 open objects", holds('{"a":' * DEEP), "has more than 100 levels"),
    Poison(
        "100,000 levels beside a good result",
        lambda directory, good: _place(
            directory / RESULT,
            json.dumps({**good, "more": "HERE"}).replace('"HERE"', "[" * DEEP + "]" * DEEP).encode(),
        ),
        "has more than 100 levels",
    ),
    Poison("300 levels after brackets in a text", with_(more=["[" * 999, json.loads("[" * 300 + "]" * 300)]), "levels"),
    Poison("half of a surrogate pair", failed("Error", "a\ud800b"), "Error: a\ufffdb"),
    Poison("NUL", failed("Er\0ror", "a\0b"), "Er\ufffdror: a\ufffdb"),
    Poison("surrogates that are not escaped", holds('{"trial": "\ud800"}'), "is no JSON"),
    Poison("half a megabyte of message", failed("Error", "x" * 500_000), "Error: xxxx"),
    Poison("error is text", with_(status="failed", error="broken"), "error is no object ('broken')"),
    Poison("error is missing", with_(status="failed", error=None), "error is no object (None)"),
    Poison("message is a number", failed("Error", 7), "error.message is no text (7)"),
    Poison("type is an object", failed({}, "x"), "error.type is no text (an object)"),
    Poison("started is an object", with_(started={}), "started is no time with its zone (an object)"),
    Poison("started has no zone", with_(started="2026-01-01T00:00:00"), "started is no time with its zone"),
    Poison("started before all times", with_(started="0001-01-01T00:00:00+14:00"), "started is no time with its zone"),
    Poison("ended after all times", with_(ended="9999-12-31T23:59:59-14:00"), "ended is no time with its zone"),
    Poison("ended is a number", with_(ended=1.5), "ended is no time with its zone (1.5)"),
    Poison("status is unknown", with_(status="done"), "status is neither 'completed' nor 'failed' ('done')"),
    Poison("status is a list", with_(status=[]), "status is neither"),
    Poison("stopped is true", with_(stopped=True), "stopped is no text (True)"),
    Poison("differences are an object", with_(differences={}), "differences is no list (an object)"),
    Poison("difference is text", with_(differences=["loss"]), "differences holds what is none ('loss')"),
    Poison("trial is text", with_(trial="7"), "trial is no whole number ('7')"),
    Poison("trial is true", with_(trial=True), "trial is no whole number (True)"),
    Poison("attempt is missing", without("attempt"), "attempt is no whole number (None)"),
    Poison("of an earlier attempt", with_(attempt=0), "recorded no result"),
    Poison("of another trial", with_(trial=1_000_000), "recorded no result"),
    Poison("of another schema", with_(schema=2), "schema is not 1 (2)"),
    Poison("20 MB", with_(more="x" * 20_000_000), "result.json is larger than 1024 KiB"),
    Poison("16-bit characters", holds('{"trial": 1}'.encode("utf-16")), "is no JSON"),
    Poison("not UTF-8", holds(b'{"trial": "\xff"}'), "is no JSON"),
    Poison("nothing", holds(b""), "is no JSON"),
    Poison("torn", holds('{"schema": 1, "tri'), "is no JSON"),
    Poison("is null", holds("null"), "result.json: is None, and no object"),
    Poison("is a list", holds("[]"), "result.json: is a list, and no object"),
    Poison("removed", instead(lambda path: None), "recorded no result"),
    Poison("pipe", instead(os.mkfifo), "result.json is no file"),
    Poison("link to /dev/zero", instead(lambda path: path.symlink_to("/dev/zero")), "result.json is a link"),
    Poison("link to a good result", instead(lambda path: path.symlink_to("good.json")), "result.json is a link"),
    Poison("link to nowhere", instead(lambda path: path.symlink_to("nowhere")), "result.json is a link"),
    Poison("link to itself", instead(lambda path: path.symlink_to(RESULT)), "result.json is a link"),
    Poison("directory", instead(Path.mkdir), "result.json is a directory"),
)


def _line(step: object = 1, metrics: object = None, **more: object) -> bytes:
    entry = {"step": step, "time": 0, "metrics": {"a": 1} if metrics is None else metrics, **more}
    return json.dumps(entry).encode() + b"\n"


LINES = {
    "step beyond all floats": _line(10**400),
    "step beyond all exact floats": _line(2**60),
    "metric beyond all floats": b'{"step": 1, "metrics": {"a": 1e999}}\n',
    "metric of 400 digits": b'{"step": 1, "metrics": {"a": ' + b"1" * 400 + b"}}\n",
    "metric of 5000 digits": b'{"step": 1, "metrics": {"a": ' + b"1" * 5000 + b"}}\n",
    "metric that no model learns from": b'{"step": 1, "metrics": {"a": -1e300}}\n',
    "true": _line(metrics={"a": True}),
    "metrics of metrics": _line(metrics={"a": {"b": 1}}),
    "fit is an object": _line(fit={}),
    "fit beyond all floats": _line(fit=10**400),
    "100,000 levels": b"[" * DEEP + b"\n",
    "line of 3 MB": _line(more="x" * 3_000_000),
    "NUL": b"\0" * 1000 + b"\n",
}
"""Lines of a learning curve that hold no point."""

CURVES: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "link to a file": lambda path: path.symlink_to("result.json"),
    "directory": Path.mkdir,
    "3 MB without an end": lambda path: _place(path, b"x" * 3_000_000),
    "nothing": lambda path: _place(path, b""),
}
"""What can stand in place of a curve's file and holds no point."""
