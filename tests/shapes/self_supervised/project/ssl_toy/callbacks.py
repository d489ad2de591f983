"""The project's own callback of Hydra's."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback


class LeaveANote(Callback):
    def __init__(self, name: str) -> None:
        self.name = name

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        (Path(config.hydra.runtime.output_dir) / self.name).write_text(job_return.status.name)
