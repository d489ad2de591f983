"""What a command line composes to, asked of the user's own program in a process of its own: ``<program> --cfg all``.

Hydra answers there as it does for a run: with the structured configs that the script registers, its resolvers and its
plugins. Neither the task nor a sweep is started.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ax_mo.hydra_project.overrides import as_text
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.project import chosen_option
from ax_mo.hydra_project.saved import sources_of

_PATIENCE = 180.0
"""Seconds for a program to start: some import torch from a slow network file system."""
_AT_ONCE = 4
"""Processes."""
_MOST_LINES_AFTER = 20
"""Lines that a program prints after its configuration."""
_LENGTH = 500
"""Of a program's complaint."""


class NotComposed(HydraException):
    """The program gave no configuration; the text is what it said instead.

    ``missing`` is the config group of which an option must be chosen (``model: ???``), where it is that.
    """

    def __init__(self, said: str, missing: str | None = None) -> None:
        super().__init__(said)
        self.missing = missing


class AskedProject:
    """A project as its own program composes it. Each line is asked once, several at the same time.

    ``environment`` is what trials find in theirs beside this process's own, ``trial`` the overrides of one of them.
    """

    def __init__(self, program: Program, environment: Mapping[str, str], trial: Sequence[str]) -> None:
        self._program = program
        self._environment = environment
        self._trial = trial
        self._processes = ThreadPoolExecutor(_AT_ONCE, "ask")
        self._answers: dict[tuple[str, ...], Future[DictConfig]] = {}

    def begin(self, *lines: Sequence[str]) -> None:
        """Ask in the background what these arguments of the program, flags and overrides, compose to."""
        for line in map(tuple, lines):
            if line not in self._answers:
                self._answers[line] = self._processes.submit(_ask, self._program, self._environment, line)

    def answer(self, line: Sequence[str]) -> DictConfig:
        """The whole configuration, Hydra's own node included. Raises NotComposed."""
        self.begin(line)
        return self._answers[tuple(line)].result()

    def group_options(self, groups: Sequence[str]) -> dict[str, list[str]]:
        """The options of each config group, those of the program's own ConfigStore included; empty where none answers.

        Hydra has no other public question for them than that of a shell that completes a line.
        """
        asked = {group: self._processes.submit(_complete, self._program, f"{group}=") for group in groups}
        return {group: words.result() for group, words in asked.items()}

    def of_trial(self, overrides: Sequence[str]) -> list[str]:
        """The arguments of a trial of these overrides."""
        return [*self._program.flags, *overrides, *self._program.hydra_overrides]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """What a trial of these overrides would run with. Raises NotComposed."""
        return self.answer(self.of_trial(overrides))

    def compose_plain(self, overrides: Sequence[str]) -> DictConfig:
        """What the program composes without the sweep's own command line, as ``Project`` does. Raises NotComposed."""
        search = [line for line in self._program.hydra_overrides if line.startswith("hydra.searchpath=")]
        missing: dict[str, Any] = {}
        while True:
            chosen = [f"{group}={as_text(option)}" for group, option in missing.items()]
            try:
                config = self.answer([*self._program.flags, *search, *chosen, *overrides])
                break
            except NotComposed as answer:
                group = answer.missing
                option = None if group is None else chosen_option(self.compose(self._trial), group)
                if group is None or group in missing or option is None:
                    raise
                missing[group] = option
        for group in missing:
            with open_dict(config):
                config.hydra.runtime.choices[group] = "???"
        return config

    def primary_is_dropped(self) -> bool:
        """Whether ``+group=option`` makes Hydra leave out the primary config, as far as a file of it tells."""
        config = self.compose(self._trial)
        name = f"{str(config.hydra.job.config_name).removesuffix('.yaml')}.yaml"
        for path in (Path(source.path, name) for source in sources_of(config) if source.schema == "file"):
            if path.is_file():
                content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
                defaults = content.get("defaults") or []
                return bool(defaults) and all(
                    isinstance(entry, dict) and str(next(iter(entry))).startswith("override ") for entry in defaults
                )
        return False


def _ask(program: Program, environment: Mapping[str, str], line: Sequence[str]) -> DictConfig:
    done = _run(program, environment, ["--cfg", "all", *line])
    config = _config_in(done.stdout)
    if config is None:
        raise _not_composed(done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}")
    return config


def _complete(program: Program, word: str) -> list[str]:
    try:
        done = _run(program, {"COMP_LINE": f"program {word}"}, [*program.flags, "--shell-completion", "query=bash"])
    except NotComposed:
        return []
    last = (done.stdout.strip().splitlines() or [""])[-1]
    return [found.removeprefix(word) for found in last.split() if found.startswith(word)]


def _run(
    program: Program, environment: Mapping[str, str], arguments: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    """Raises NotComposed where the program cannot be started or does not end."""
    python, *start = program.start
    argv = [python if Path(python).exists() else sys.executable, *start, *arguments]
    env = {**os.environ, **environment, "PYTHONWARNINGS": "ignore"}
    env.pop("HYDRA_FULL_ERROR", None)
    try:
        return subprocess.run(
            argv, cwd=program.cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except OSError as error:
        raise NotComposed(f"the program cannot be started in {program.cwd}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotComposed(f"the program has not answered within {_PATIENCE:g} s") from None


def _config_in(output: str) -> DictConfig | None:
    """The configuration among what the program printed besides. Hydra's node comes first in it."""
    begin = re.search(r"^hydra:$", output, re.MULTILINE)
    lines = [] if begin is None else output[begin.start() :].splitlines()
    for end in range(len(lines), max(len(lines) - _MOST_LINES_AFTER, 0), -1):
        try:
            config = OmegaConf.create("\n".join(lines[:end]))
        except (yaml.YAMLError, OmegaConfBaseException):
            continue
        return config if isinstance(config, DictConfig) else None
    return None


def _not_composed(said: str) -> NotComposed:
    missing = re.search(r"You must specify '([^']+)'", said)
    if "Traceback (most recent call last)" in said:  # not of Hydra, which explains itself in a few lines
        said = said.splitlines()[-1]
    said = re.split(r"\n\s*(?:Config s|S)earch path:|\nSet the environment variable HYDRA_FULL_ERROR", said)[0]
    return NotComposed(" ".join(said.split())[-_LENGTH:], None if missing is None else missing[1])
