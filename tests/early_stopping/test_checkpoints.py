"""Which of the files that a run has left is the checkpoint to train on from."""

import os
from pathlib import Path

import pytest

from ax_mo.early_stopping.checkpoints import newest_checkpoint


def left(directory: Path, *names: str) -> None:
    """Files of that order in time."""
    for moment, name in enumerate(names):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (moment, moment))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["checkpoints/last.ckpt", "checkpoints/epoch=3.ckpt"], "checkpoints/last.ckpt"),
        (["checkpoints/epoch=3.ckpt", "lightning_logs/version_0/checkpoints/epoch=2.ckpt"],
         "lightning_logs/version_0/checkpoints/epoch=2.ckpt"),
        (["a/last.ckpt", "a/last-v1.ckpt"], "a/last-v1.ckpt"),
        (["model.pt"], None),
    ],
)  # fmt: skip
def test_lightnings_last_checkpoint_is_found_wherever_it_lies(
    tmp_path: Path, names: list[str], found: str | None
) -> None:
    left(tmp_path, *names)
    assert newest_checkpoint(tmp_path) == (None if found is None else tmp_path / found)


def test_newest_file_that_matches_a_pattern_is_found(tmp_path: Path) -> None:
    left(tmp_path, "models/b.pt", "models/a.pt", "last.ckpt")
    assert newest_checkpoint(tmp_path, "models/*.pt") == tmp_path / "models/a.pt"
    assert newest_checkpoint(tmp_path, "*.pt") is None
    assert newest_checkpoint(tmp_path / "gone") is None


def test_link_that_leads_nowhere_is_no_checkpoint(tmp_path: Path) -> None:
    left(tmp_path, "epoch=1.ckpt")
    (tmp_path / "last.ckpt").symlink_to(tmp_path / "removed.ckpt")
    assert newest_checkpoint(tmp_path) == tmp_path / "epoch=1.ckpt"
