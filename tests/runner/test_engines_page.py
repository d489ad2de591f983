"""The files of docs/engines.md are taken as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from torchx.schedulers import get_scheduler_factories

from ax_mo.runner.containers import Mounts
from ax_mo.runner.settings import LauncherSettings, launcher_settings
from ax_mo.runner.torchx_app import check_arguments

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "engines.md").read_text()
FILES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("content", FILES, ids=lambda content: content["hydra"]["launcher"].get("scheduler", "auto"))
def test_file_is_taken_as_it_stands(content: dict[str, Any]) -> None:
    given = content["hydra"]["launcher"]
    settings = launcher_settings({**vars(LauncherSettings()), **given})
    if settings.mounts:
        Mounts.parse(settings.mounts).check(settings.scheduler, ["python3"], Path("/nfs/me"), Path("/nfs/me/out"))
    if settings.scheduler in get_scheduler_factories():
        check_arguments(settings, OfferedOptions())


class OfferedOptions:
    """TorchX's runner, as far as it says which options a scheduler has: some cannot be made without their clients."""

    def scheduler_run_opts(self, scheduler: str) -> Any:
        try:
            return get_scheduler_factories()[scheduler]("page").run_opts()
        except (ModuleNotFoundError, NameError):  # TorchX leaves some imports that failed as missing names
            pytest.skip(f"no client of {scheduler} is installed")
