"""No GPU is given to two jobs at once."""

from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.runner.local.gpus import GpuPool, visible_gpus


@pytest.mark.parametrize(
    ("value", "devices"), [(" 1 , 2 ", ("1", "2")), ("GPU-aa,MIG-bb", ("GPU-aa", "MIG-bb")), ("", ()), ("-1", ())]
)
def test_cuda_visible_devices_decides(monkeypatch: pytest.MonkeyPatch, value: str, devices: tuple[str, ...]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == devices


def test_nvidia_smi_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == ()
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: A (UUID: x)" && echo "GPU 1: B (UUID: y)"\n')
    tool.chmod(0o755)
    assert visible_gpus() == ("0", "1")


def test_no_device_is_given_twice() -> None:
    pool = GpuPool(2, "01234")
    first, second = pool.take("a").split(","), pool.take("b").split(",")
    assert len({*first, *second}) == 4
    assert (pool.capacity, pool.has_room) == (2, False)
    pool.give_back("a")
    pool.give_back("a")
    pool.give_back("never")
    assert pool.has_room
    pool.take("c")
    assert (pool.capacity, pool.has_room) == (2, False)


def test_devices_of_jobs_of_an_earlier_sweeper_are_held_until_they_are_given_back() -> None:
    pool = GpuPool(1, "0123")
    pool.hold("of another machine", "5,6")
    pool.hold("first", "0,1")  # which held more each
    assert pool.has_room
    pool.hold("second", "2,3")
    pool.hold("second", "2,3")
    assert not pool.has_room
    pool.give_back("first")
    assert pool.take("third") in ("0", "1")
    assert pool.capacity == 4


def test_jobs_that_need_no_device_always_have_room() -> None:
    pool = GpuPool(0, ())
    assert (pool.take("a"), pool.capacity, pool.has_room) == ("", None, True)


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.gpu=3, but this machine shows 2 GPU\(s\)"):
        GpuPool(3, "01")


def test_jobs_of_half_a_gpu_fill_one_before_the_next() -> None:
    pool = GpuPool(0.5, "01")
    assert pool.capacity == 4
    assert [pool.take(owner) for owner in "abcd"] == ["0", "0", "1", "1"]
    assert not pool.has_room
    pool.give_back("d")
    assert pool.has_room and not pool.has_room_for(1)
    pool.give_back("c")
    assert pool.take("e", 1) == "1"


def test_tenths_add_up() -> None:
    pool = GpuPool(0.1, "0")
    assert pool.capacity == 10
    assert all(pool.has_room and pool.take(owner) == "0" for owner in range(10))
    assert not pool.has_room


def test_job_that_needs_more_than_there_is_never_has_room() -> None:
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.gpu is 3 for a trial, but this machine shows 2 GPU"):
        GpuPool(1, "01").has_room_for(3)
