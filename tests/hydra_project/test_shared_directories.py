"""Directories that all trials share: said where it is certain, and never where it may not be so."""

from typing import Any

import pytest

from ax_mo.hydra_project.shared_directories import shared_directories

CHECKPOINT = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "checkpoints"}


@pytest.mark.parametrize(
    ("task", "found"),
    [
        ({"callbacks": {"best": CHECKPOINT}}, {"callbacks.best.dirpath": "checkpoints"}),
        ({"callbacks": [{"x": 1}, CHECKPOINT]}, {"callbacks.1.dirpath": "checkpoints"}),
        ({"save_dir": "/scratch/${name}/${n}", "name": "a", "n": 3}, {"save_dir": "/scratch/a/3"}),
        (
            {"paths": {"out": "${root}/out", "root": 0}, "root": "/r", "trainer": {"default_root_dir": "${paths.out}"}},
            {"trainer.default_root_dir": "/r/out"},
        ),
    ],
)
def test_what_is_the_same_for_certain_is_found(task: dict[str, Any], found: dict[str, str]) -> None:
    assert shared_directories(task, ["lr"]) == found


@pytest.mark.parametrize(
    "task",
    [
        {"callbacks": {"dirpath": None}, "save_dir": "???"},
        {"trainer": {"default_root_dir": "${hydra:runtime.output_dir}"}},
        {"paths": {"output_dir": "${hydra:runtime.output_dir}"}, "dirpath": "${paths.output_dir}/checkpoints"},
        {"save_dir": "logs/${now:%H-%M-%S}"},
        {"save_dir": "logs/${oc.env:SLURM_JOB_ID,${name}}", "name": "a"},
        {"a": {"save_dir": "${.name}", "name": "x"}, "b": {"save_dir": "${..name}"}, "name": "x"},
        {"save_dir": "${nowhere}", "dirpath": "${save_dir}/x"},
        {"dirpath": "${dirpath}"},
        {"save_dir": "checkpoints/${optim.lr}", "optim": {"lr": 0.1}},
        {"model": {"dirpath": "checkpoints"}},
        {"logger": {"csv": {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": "logs"}}},
        {"trainer": {"default_root_dir": "out", "enable_checkpointing": False}},
        {"paths": {"root_dir": "/project", "data_dir": "/data"}, "root": "data", "checkpoint": "best.ckpt"},
    ],
)
def test_what_may_differ_or_is_only_read_is_left_out(task: dict[str, Any]) -> None:
    assert shared_directories(task, ["optim.lr", "model"]) == {}
