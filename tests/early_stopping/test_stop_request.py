"""A request to stop, with whatever the run has left beside it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ax_mo.early_stopping.stop_request import ask_to_stop, overdue
from ax_mo.trial.current import stop_requested
from ax_mo.trial.files import LIGHTNING, STOP


@pytest.mark.parametrize("fits", [None, "1", [1], {}, True, float("inf")])
def test_run_whose_record_of_fits_is_none_has_not_said_that_it_is_trained(tmp_path: Path, fits: Any) -> None:
    ask_to_stop(tmp_path, "dominated")
    os.utime(tmp_path / STOP, (1000, 1000))
    (tmp_path / LIGHTNING).write_text(json.dumps({"fits": fits, "started": fits}))
    assert overdue(tmp_path, 10.0)
    (tmp_path / LIGHTNING).write_text(json.dumps({"fits": 1, "started": 1}))
    assert not overdue(tmp_path, 10.0)


@pytest.mark.timeout(20)
def test_request_is_left_alone_where_something_bears_its_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / STOP)
    ask_to_stop(tmp_path, "dominated")
    assert stop_requested(tmp_path) == "stopped"


@pytest.mark.parametrize(("reason", "told"), [({}, "stopped"), (7, "stopped"), ("a\0b", "a\ufffdb")])
def test_reason_is_a_text_that_can_be_stored(tmp_path: Path, reason: Any, told: str) -> None:
    (tmp_path / STOP).write_text(json.dumps({"reason": reason}))
    assert stop_requested(tmp_path) == told
