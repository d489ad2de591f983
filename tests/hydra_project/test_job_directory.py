"""What a job finds in its directory."""

import json
import subprocess
import sys
from pathlib import Path

from ax_mo.hydra_project.job_directory import prepare_directory, write_command


def test_command_file_runs_the_exact_command(tmp_path: Path) -> None:
    arguments = ["a b", "it's", "${x}", "$HOME", '"', "", "*"]
    where = tmp_path / "a 'dir'"
    where.mkdir()
    code = "import json, os, sys; print(json.dumps([os.getcwd(), *sys.argv[1:]]))"
    write_command(where, [sys.executable, "-c", code, *arguments], where, "Trial 7")
    done = subprocess.run(["sh", str(where / "command.sh")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [str(where), *arguments]


def test_new_attempt_finds_nothing_that_the_one_before_left_to_the_sweep(tmp_path: Path) -> None:
    kept = {"checkpoint.ckpt", "stdout.log"}
    for name in ("result.json", "curve.jsonl", "lightning.json", "stop.json", ".stopped", ".pid", *kept):
        (tmp_path / name).write_text("{}")
    prepare_directory(tmp_path, {"trial": 0}, (), tmp_path, "Trial 0")
    assert {path.name for path in tmp_path.iterdir()} == {"trial.json", *kept}
