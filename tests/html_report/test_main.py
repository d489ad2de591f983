"""``python -m ax_mo.html_report`` at the terminal."""

from pathlib import Path
from typing import Any

import pytest

from ax_mo.html_report.__main__ import main


@pytest.mark.parametrize("stage", ["ax_mo.storage.snapshot.read_snapshot", "ax_mo.html_report.update.update_report"])
def test_ctrl_c_ends_it_without_a_word(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ax_mo.storage.snapshot.read_snapshot", lambda source: None)
    monkeypatch.setattr(stage, interrupted)
    assert main([str(tmp_path), "--to", str(tmp_path / "page.html")]) == 130
    assert capsys.readouterr() == ("", "")
