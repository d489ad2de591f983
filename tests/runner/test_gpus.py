"""No GPU is given to two jobs at once."""

from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.runner.gpus import GpuPool, visible_gpus


@pytest.mark.parametrize(
    ("value", "devices"),
    [
        ("0,1,2", ("0", "1", "2")),
        ("3", ("3",)),
        (" 1 , 2 ", ("1", "2")),
        ("GPU-aa,MIG-bb", ("GPU-aa", "MIG-bb")),
        ("", ()),
        ("-1", ()),
    ],
)
def test_cuda_visible_devices_decides(monkeypatch: pytest.MonkeyPatch, value: str, devices: tuple[str, ...]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == devices


def test_nvidia_smi_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: A (UUID: x)" && echo "GPU 1: B (UUID: y)"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == ("0", "1")


def test_machine_without_nvidia_smi_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == ()


def test_no_device_is_given_twice() -> None:
    pool = GpuPool(2, ("0", "1", "2", "3", "4"))
    assert pool.capacity == 2
    first, second = pool.take("a").split(","), pool.take("b").split(",")
    assert len(first) == len(second) == 2
    assert not set(first) & set(second)
    assert pool.capacity == 2


def test_device_that_was_given_back_is_given_again() -> None:
    pool = GpuPool(1, ("5", "7"))
    taken = {pool.take("a"), pool.take("b")}
    assert taken == {"5", "7"}
    pool.give_back("a")
    assert pool.take("c") == "5"


def test_giving_back_twice_or_nothing_adds_no_device() -> None:
    pool = GpuPool(1, ("0", "1"))
    pool.take("a")
    pool.give_back("a")
    pool.give_back("a")
    pool.give_back("never")
    assert pool.capacity == 2
    assert {pool.take("b"), pool.take("c")} == {"0", "1"}


def test_device_of_an_adopted_job_is_held_until_it_is_given_back() -> None:
    pool = GpuPool(1, ("0", "1"))
    pool.hold("old", "0")
    assert pool.take("new") == "1"
    pool.give_back("old")
    assert pool.take("next") == "0"


def test_held_device_that_the_pool_does_not_have_changes_nothing() -> None:
    pool = GpuPool(1, ("0", "1"))
    pool.hold("old", "5,6")
    pool.give_back("old")
    assert pool.capacity == 2
    assert {pool.take("a"), pool.take("b")} == {"0", "1"}


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        GpuPool(3, ("0", "1"))
    assert "hydra.launcher.gpu=3, but this machine shows 2 GPU(s)" in str(caught.value)


def test_there_is_no_room_while_jobs_of_an_earlier_sweeper_hold_more_each() -> None:
    pool = GpuPool(1, ("0", "1", "2", "3"))
    pool.hold("first", "0,1")
    assert pool.has_room
    pool.hold("second", "2,3")
    assert not pool.has_room
    pool.give_back("first")
    assert pool.has_room and pool.take("third") in ("0", "1")
