"""Another interpreter for the trials, and what is said before anything runs where it will not do."""

import os
import sys
from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.runner.interpreter import trials_python
from ax_mo.runner.settings import launcher_settings
from tests.support.second_python import ENOUGH, second_python


def test_environment_with_what_a_trial_needs_is_taken_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = second_python(tmp_path / "env", *ENOUGH)
    monkeypatch.chdir(tmp_path)
    assert launcher_settings({"python": "env/bin/python"}).python == str(python), "its link is not followed"


def test_what_an_environment_lacks_is_said_with_what_to_install_and_that_of_the_jobs_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = second_python(tmp_path / "env", *ENOUGH[:-2])
    (tmp_path / "ax_mo").mkdir()  # where a sweep is started is not where its trials look
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(python.parent), prepend=os.pathsep)
    with pytest.raises(ConfigError) as error:
        trials_python("python", {})
    assert f"no trial can run in {python}: ModuleNotFoundError: No module named 'ax_mo" in str(error.value)
    assert f"{python} -m pip install --no-deps hydra-ax-mo" in str(error.value)
    packages = os.pathsep.join(path for path in sys.path if path)
    assert trials_python("python", {"PYTHONPATH": packages}) == str(python)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("env/none", "there is no env/none. Name an interpreter, for example /path/to/project/.venv/bin/python"),
        ("no-such-python", "there is no no-such-python"),
        (".", "is a directory"),
        ("./file", "Permission denied"),
        ("/bin/false", "no trial can run in /bin/false: it ended with 1"),
    ],
)
def test_what_is_no_interpreter_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, message: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^hydra\.launcher\.python: ") as error:
        launcher_settings({"python": given})
    assert message in str(error.value)


def test_interpreter_of_a_container_is_not_looked_for_here() -> None:
    settings = launcher_settings({"python": "/opt/conda/bin/python", "scheduler": "kubernetes", "image": "train:1"})
    assert settings.python == "/opt/conda/bin/python"
