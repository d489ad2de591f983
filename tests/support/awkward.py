"""A hundred strings that something may take for more than text, and a job that says what has arrived of them."""

import json
import sys
from itertools import product, zip_longest
from pathlib import Path

from ax_mo.runner.job import JobSpec

_PIECES = (
    "", " ", "  a  b ", "\t", "a\nb", "\\", "a\\nb", "\\\\", "'", '"', "''", '""', "it's", 'say "so"', "`date`",
    "$HOME", "${HOME}", "$$", "$(id)", "${app_id}", "${macros.img_root}", "%", "%s", "%j", "%%", "{", "}", "{}", "{0}",
    "[a]", "[1,2]", "(", ")", ",", "a,b=c", "=", "a=b", ":", ";", "&", "&&", "|", "||", ">", "<", "*", "?", "~", "~/x",
    "#", "# no comment", "!", "!!", "^", "@", "-", "--", "-c", "--help", "--export=ALL", "é", "日本", "\U0001f600",
    "nan", "null", "true", "1e5",
)  # fmt: skip
STRINGS = tuple(dict.fromkeys([*_PIECES, *(f"{a}x{b}" for a, b in product(_PIECES[:20], _PIECES[8:12]))]))[:100]

_SHOW = (
    "import json, os, sys; print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k[:4] == 'AWK_'}]))"
)


def job(directory: Path, cwd: Path) -> JobSpec:
    """All of the strings, as arguments and as variables."""
    variables = {f"AWK_{i}": text for i, text in enumerate(STRINGS)}
    return JobSpec("ax-0a1b2c3d-0-a1", (sys.executable, "-c", _SHOW, *STRINGS), directory, cwd, variables)


def differences(directory: Path) -> list[tuple[str, str | None]]:
    """What has arrived as something else: each string, and what it has become."""
    arguments, variables = json.loads((directory / "stdout.log").read_text())
    found = zip_longest([*STRINGS, *STRINGS], [*arguments, *(variables.get(f"AWK_{i}") for i in range(len(STRINGS)))])
    return [(text, became) for text, became in found if text != became]
