"""The pages of the reference that are made from the code: settings and commands. A hook of MkDocs."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ax_mo.cli.commands import make_parser
from ax_mo.runner.settings import LauncherSettings
from ax_mo.sweep.settings import Settings

PAGES = {
    "reference/settings.md": lambda: settings_page(),
    "reference/commands.md": lambda: commands_page(),
}
_SETTINGS = {"sweeper": Settings, "launcher": LauncherSettings}
_WIDTH = 100
"""Of the help texts, in columns."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs with all pages that it has found."""
    for path, page in PAGES.items():
        files.append(File.generated(config, path, content=page()))
    return files


def settings_page() -> str:
    """Every setting below ``hydra.sweeper`` and ``hydra.launcher``: its name, type, default and meaning."""
    lines = [
        "# Settings",
        "",
        "Made from the structured configs of the sweeper and the launcher. `python train.py "
        "hydra/sweeper=ax_mo --cfg hydra -p hydra.sweeper` prints what they are in your project.",
    ]
    for node, settings in _SETTINGS.items():
        lines += ["", f"## hydra.{node}", ""]
        types = get_type_hints(settings)
        for each in fields(settings):
            lines += _setting(f"{node}-{each.name}", each, types[each.name])
    return "\n".join(lines)


def _setting(anchor: str, each: Field[Any], kind: Any) -> Iterator[str]:
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    block = each.metadata.get("block", {})
    shown = "" if block else f"default `{yaml.safe_dump(default, default_flow_style=True).splitlines()[0]}`"
    yield from (f"### {each.name} {{#{anchor}}}", "")
    yield " · ".join(filter(None, [_type_in_words(kind), shown]))
    yield from ("", _escaped(each.metadata.get("help", "")), "")
    yield from (f"- `{name}`: {_escaped(text)}" for name, text in block.items())
    yield ""


def _type_in_words(kind: Any) -> str:
    words = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "NoneType": "null"}
    if kind is Any:
        return ""
    alternatives = getattr(kind, "__args__", ()) if "|" in str(kind) else (kind,)
    names = [str(getattr(one, "__name__", one)) for one in alternatives]
    return " or ".join({"list": "list", "dict": "mapping"}.get(name, words.get(name, name)) for name in names)


def _escaped(text: str) -> str:
    """Text of the code as Markdown, in which braces, stars and brackets stand for themselves."""
    return "".join("&lt;" if sign == "<" else f"\\{sign}" if sign in "\\*_[]{}#" else sign for sign in text)


def commands_page() -> str:
    """Every command of ``ax-mo`` as its ``--help`` shows it."""
    os.environ["COLUMNS"], before = str(_WIDTH), os.environ.get("COLUMNS")
    try:
        parser = make_parser()
        lines = ["# Commands", "", "What `ax-mo` and `ax-mo COMMAND --help` print.", "", *_help(parser)]
        for name, command in _commands(parser):
            lines += ["", f"## ax-mo {name}", "", *_help(command)]
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _help(parser: argparse.ArgumentParser) -> list[str]:
    return ["```text", parser.format_help().strip(), "```"]
