"""Programs that change directory before they call Hydra, or where modules are looked for, are started as they were."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# What the program is when it comes to Hydra, and how it would be started again.
_REPORT = """
import json
from ax_mo.hydra_project.start import start_of
name, cwd = start_of(os.environ["NAMED"])
print(json.dumps({"name": name, "cwd": str(cwd), "at": os.getcwd()}))
"""


@dataclass(frozen=True)
class Seen:
    name: str
    cwd: Path
    at: Path


class Checkout:
    """``project/src/train.py`` and ``project/pkg/train.py``, which first do what they are told to."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path.resolve() / "project"
        for name in ("src", "pkg", "data/raw"):
            (self.root / name).mkdir(parents=True)
        self.elsewhere = tmp_path.resolve() / "elsewhere"
        (self.elsewhere / "data" / "raw").mkdir(parents=True)

    def write(self, first: str) -> None:
        text = f"import os, sys\nfrom pathlib import Path\nROOT = {str(self.root)!r}\n{first}\n{_REPORT}"
        for script in ("src/train.py", "pkg/train.py", "pkg/__main__.py"):
            (self.root / script).write_text(text)
        (self.root / "pkg" / "__init__.py").touch()
        console = self.root / "data" / "train"  # as pip writes it for [project.scripts]
        console.write_text(f"#!{sys.executable}\nimport sys\nsys.path.append({str(self.root)!r})\nimport pkg.train\n")
        console.chmod(0o755)

    def run(self, argv: Sequence[str], cwd: Path, **env: str) -> Seen:
        env = {**os.environ, "NAMED": argv[-1], **env}
        done = subprocess.run([sys.executable, *argv], cwd=cwd, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        return Seen(seen["name"], Path(seen["cwd"]), Path(seen["at"]))

    def run_twice(self, argv: Sequence[str], cwd: Path, **env: str) -> Seen:
        """As it is started first; it comes to the same directory when it is started again."""
        seen = self.run(argv, cwd, **env)
        assert self.run([*argv[:-1], seen.name], seen.cwd, **env).at == seen.at
        return seen


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


NOTHING = ""
TO_ROOT = "os.chdir(ROOT); sys.path.append(ROOT)"  # as rootutils.setup_root(cwd=True, pythonpath=True) does
TO_ROOT_FIRST = "os.chdir(ROOT); sys.path.insert(0, Path(ROOT))"
RELATIVE = "os.chdir('data'); os.chdir('raw')"
SECOND_OF_PATH = "os.chdir('data'); sys.path.insert(1, os.getcwd())"


@pytest.mark.parametrize("first", [NOTHING, TO_ROOT, RELATIVE])
@pytest.mark.parametrize("script", ["src/train.py", "../project/src/train.py", "pkg"])
def test_script_is_started_again_where_it_was(checkout: Checkout, script: str, first: str) -> None:
    checkout.write(first)
    seen = checkout.run_twice(["-u", script], checkout.root / "data" / "..")
    assert seen.cwd == checkout.root
    assert seen.name == (script if seen.at == checkout.root else f"{checkout.root}/{script}")


def test_script_that_is_started_from_elsewhere_is_started_there_again(checkout: Checkout) -> None:
    checkout.write(TO_ROOT_FIRST)
    assert checkout.run_twice(["../project/src/train.py"], checkout.elsewhere).cwd == checkout.elsewhere


@pytest.mark.parametrize("first", [NOTHING, TO_ROOT, TO_ROOT_FIRST, RELATIVE, SECOND_OF_PATH])
@pytest.mark.parametrize(("module", "path"), [("pkg.train", ""), ("pkg", "{elsewhere}")])
def test_module_is_started_again_where_it_was(checkout: Checkout, module: str, path: str, first: str) -> None:
    checkout.write(first)
    path = path.format(elsewhere=checkout.elsewhere)
    assert checkout.run_twice(["-m", module], checkout.root, PYTHONPATH=path).cwd == checkout.root


@pytest.mark.parametrize("first", [TO_ROOT, TO_ROOT_FIRST])
def test_module_that_is_found_from_anywhere_comes_to_the_same_directory(checkout: Checkout, first: str) -> None:
    checkout.write(first)
    path = os.pathsep.join(["/nowhere", str(checkout.root), str(checkout.root)])
    seen = checkout.run_twice(["-m", "pkg.train"], checkout.elsewhere, PYTHONPATH=path)
    assert seen.cwd == (checkout.root if first == TO_ROOT_FIRST else checkout.elsewhere)


@pytest.mark.parametrize("first", [NOTHING, TO_ROOT])
def test_absolute_script_is_started_again_where_it_has_come_to(checkout: Checkout, first: str) -> None:
    checkout.write(first)
    for script in ("src/train.py", "data/train"):
        seen = checkout.run_twice([str(checkout.root / script)], checkout.elsewhere)
        assert seen.cwd == seen.at == (checkout.root if first else checkout.elsewhere)


def test_directory_that_is_gone_is_not_gone_back_to(checkout: Checkout) -> None:
    checkout.write("here = os.getcwd(); os.chdir(ROOT); os.rename(here, here + '_moved')")
    (checkout.root / "src" / "train.py").rename(checkout.root / "data" / "train.py")
    assert checkout.run(["train.py"], checkout.root / "data").cwd == checkout.root
