"""The files of docs/how_to/engines.md are taken as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ax_mo.runner.cluster.containers import Mounts
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import AUTO, LauncherSettings, launcher_settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how_to" / "engines.md").read_text()
FILES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("content", FILES, ids=lambda content: content["hydra"]["launcher"].get("scheduler", "auto"))
def test_file_is_taken_as_it_stands(content: dict[str, Any]) -> None:
    given = content["hydra"]["launcher"]
    settings = launcher_settings({**vars(LauncherSettings()), **given})
    if settings.mounts:
        Mounts.parse(settings.mounts).check(settings.scheduler, ["python3"], Path("/nfs/me"), Path("/nfs/me/out"))
    if settings.scheduler != AUTO:  # which takes none, and would look for this machine's GPU
        open_scheduler(settings).check_arguments()
