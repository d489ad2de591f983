"""What is pure stays pure."""

import subprocess
import sys


def test_space_and_goals_import_neither_ax_nor_torch() -> None:
    code = (
        "import sys, ax_mo.linear, ax_mo.goals, ax_mo.space.build, ax_mo.space.grammar, ax_mo.space.parameters, "
        "ax_mo.space.sample; print(*sorted({'ax', 'botorch', 'torch', 'torchx', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
