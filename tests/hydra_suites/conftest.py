"""Hydra's suites start a program for each of their cases: here, too, it is forked by the fork server."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.fork_server import fork


@pytest.fixture(autouse=True)
def programs_are_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_call(argv: Sequence[str], env: Mapping[str, str], **options: Any) -> None:
        assert argv[0] == sys.executable and not options
        # The output of theirs is pytest's own, with nobody to read it.
        process = fork(argv[1:], Path.cwd(), env)
        output, _ = process.communicate(timeout=60)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, list(argv), output)

    monkeypatch.setattr(subprocess, "check_call", check_call)
