"""What templates bring along."""

import functools
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def setup_root(file: str) -> None:
    root = next(path for path in Path(file).resolve().parents if (path / ".project-root").exists())
    os.environ["PROJECT_ROOT"] = str(root)
    sys.path.append(str(root))
    os.chdir(root)


def task_wrapper(task: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(task)
    def wrapped(cfg: Any) -> Any:
        try:
            metrics, objects = task(cfg=cfg)
        except Exception:
            log.exception("")
            raise
        finally:
            log.info(f"Output dir: {cfg.paths.output_dir}")
        return metrics, objects

    return wrapped
