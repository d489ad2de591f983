"""What README and the other pages show is there: settings, commands, options, names; the first example runs."""

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

import ax_mo
from ax_mo.cli.main import main
from ax_mo.core.objectives import parse_goals
from ax_mo.notebook import LoadedStudy
from ax_mo.sweep.settings import Settings
from ax_mo.trial.metric_sources.settings import parse_metric_sources
from hydra_plugins.ax_mo_sweeper._config import AxMoSweeperConf
from hydra_plugins.torchx_launcher._config import TorchXLauncherConf

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "example_project/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
SETTINGS = {"hydra.sweeper": AxMoSweeperConf, "hydra.launcher": TorchXLauncherConf}
"""Those that take any key below them are dictionaries."""


@dataclass(frozen=True)
class Block:
    where: str
    language: str
    text: str


def blocks(language: str) -> list[Any]:
    """The blocks of all pages in ``language``, each as a case of its own."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            where = f"{page.relative_to(ROOT)}:{text[: match.start()].count(chr(10)) + 1}"
            if match[1] == language:
                found.append(pytest.param(Block(where, *match.groups()), id=where))
    return found


def commands(*first: str) -> Iterator[list[str]]:
    """The command lines that begin with one of those words, in words, without their comments."""
    for (block,) in (case.values for language in ("", "sh") for case in blocks(language)):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0] in first:
                yield words


def assert_is_setting(key: str, value: Any) -> None:
    """Whether there is such a setting, and may have such a value, below ``hydra.sweeper`` or ``hydra.launcher``."""
    for node, block in SETTINGS.items():
        if key.startswith(f"{node}."):
            OmegaConf.update(OmegaConf.structured(block), key.removeprefix(f"{node}."), value, force_add=False)


def test_command_line_of_a_program_is_one_that_hydra_and_we_understand() -> None:
    programs = ("python", "forecast-train")
    lines = list(commands(*programs))
    assert len(lines) > 10
    for words in lines:
        start = 1 if words[0] != "python" else 3 if words[1] == "-m" else 2
        arguments = get_args_parser().parse_args(words[start:])
        for override in OverridesParser.create().parse_overrides(arguments.overrides):
            assert_is_setting(override.key_or_group, override.value())


def test_commands_of_ours_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = list(commands("ax-mo"))
    named = {word for words in lines for word in words[1:2]}
    assert named >= {"status", "pareto", "show", "promote", "report", "export", "compare"}
    for words in lines:
        code = main(words[1:])
        error = capsys.readouterr().err
        # 2 is a command or an option that does not exist.
        assert (code == 1 and "DIR" in error) if "DIR" in words else code in (0, 1), words


def test_targets_of_make_are_there() -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {words[1] for words in commands("make")} <= {*targets}


@pytest.mark.parametrize("block", blocks("yaml"))
def test_settings_of_a_file_are_taken(block: Block) -> None:
    content = yaml.safe_load(block.text)
    if "defaults" in content and "hydra" not in content:
        return  # a config of a project
    if "hydra" in content:
        OmegaConf.merge(OmegaConf.structured(TorchXLauncherConf), content["hydra"].get("launcher", {}))
        content = content["hydra"].get("sweeper", {})
    else:
        assert content.keys() <= vars(Settings()).keys(), "neither an experiment nor settings of hydra.sweeper"
    settings = OmegaConf.merge(OmegaConf.structured(AxMoSweeperConf), content)
    if "file_size" not in block.text:  # of the package that docs/how_to/extending.md makes
        parse_metric_sources(OmegaConf.to_container(settings.metrics))
    if settings.objectives:
        parse_goals(settings.objectives, None, settings.constraints, ())
    written = [f"{key}={value}" for key, value in settings.params.items() if isinstance(value, str)]
    assert all(override.is_sweep_override() for override in OverridesParser.create().parse_overrides(written))


@pytest.mark.parametrize("block", blocks("python"))
def test_python_calls_what_there_is(block: Block) -> None:
    objects: dict[str, Any] = {"ax_mo": ax_mo}
    if "study = ax_mo.load(" in block.text:
        objects["study"] = LoadedStudy.__new__(LoadedStudy)
    for node in ast.walk(ast.parse(block.text, block.where)):
        if isinstance(node, ast.ImportFrom):
            exec(compile(ast.Module([node], []), block.where, "exec"), {})
        for name, owner in objects.items():
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == name:
                assert hasattr(type(owner) if name == "study" else owner, node.attr), node.attr
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(f"{name}."):
                named = {keyword.arg: None for keyword in node.keywords if keyword.arg}
                inspect.signature(getattr(owner, ast.unparse(node.func).split(".")[1])).bind(*node.args, **named)


@pytest.mark.parametrize(("page", "trials"), [("README.md", 48), ("docs/tutorial/first_search.md", 40)])
def test_first_example_is_a_study_of_the_example_project(page: str, trials: int, tmp_path: Path) -> None:
    first = next(case.values[0] for case in blocks("yaml") if case.values[0].where.startswith(page))
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "readme.yaml").write_text(first.text)
    done = subprocess.run(
        [sys.executable, str(ROOT / "example_project" / "train.py"), "-m", "--config-dir", str(tmp_path),
         "+experiment=readme", "hydra.sweeper.dry_run=true", f"hydra.sweep.dir={tmp_path / 'sweep'}"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{trials} trials, 2 at once" in done.stdout, done.stdout
