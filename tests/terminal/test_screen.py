"""What the terminal shows, at any width; what trials returned never drives it."""

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, Trial
from ax_mo.terminal.block import block
from ax_mo.terminal.live import LiveScreen
from ax_mo.terminal.progress import Conclusion, Running, StudyProgress
from ax_mo.terminal.screen import Screen, screen_for_this_terminal
from tests.support.trials import make_trial

GOALS = parse_goals({"val_acc": {"goal": "maximize", "threshold": 0.8}, "num_params": "minimize"})
KEYS = ("model.hidden1", "optim.lr", "data.batch_size", "note")
EVIL = "\x1b[31mred\x1b]0;title\x07 [bold]:warning:\r\n<b>"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def trial(number: int, accuracy: float, params: float, **values: object) -> Trial:
    point = {"model.hidden1": 16 * (number + 1), "optim.lr": 0.001, "data.batch_size": 64, "note": EVIL}
    content = {"metrics": {"val_acc": accuracy, "num_params": params}, **values}
    return make_trial(number, point=point, overrides=(f"note={EVIL}",), **content)


FRONT = (trial(1, 0.75, 1000), trial(2, 0.875, 2000), trial(4, 0.9375, 4000))
OWN = trial(0, 0.85, 3000)


def conclusion(**values: object) -> Conclusion:
    told = Conclusion(
        "done: 5 completed, 0 failed of 5 trials", GOALS, KEYS, FRONT, 5, 12.5, OWN, "Everything is in /tmp/sweep: …",
        (("Run a point again", "python train.py +pareto=trial_1"), ("Choose a point", "ax-mo pareto /tmp/sweep"),
         ("ax_mo: to resume", "python train.py -m")),
    )  # fmt: skip
    return replace(told, **values)  # type: ignore[arg-type]


def on(width: int, color: bool = False, **options: object) -> tuple[LiveScreen, io.StringIO]:
    out = io.StringIO()
    system = "truecolor" if color else None
    console = Console(
        file=out, width=width, height=24, force_terminal=True, color_system=system, emoji=False, highlight=False,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip
    return LiveScreen(console), out


def concluded(width: int, **values: object) -> list[str]:
    screen, out = on(width)
    screen.conclude(conclusion(**values))
    return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).splitlines()


def test_table_is_aligned_and_marks_thresholds_and_the_projects_own_configuration() -> None:
    lines = concluded(120)
    header = next(line for line in lines if "val_acc" in line)
    assert header.split()[:6] == ["trial", "val_acc", "↑", "num_params", "↓", "ok"]
    begin = lines.index(header) + 1
    best, second, third, rule, own = lines[begin : begin + 5]
    assert [line.split()[:4] for line in (best, second, third)] == [
        ["4", "0.9375", "4000", "✓"], ["2", "0.875", "2000", "✓"], ["1", "0.75", "1000", "·"],
    ]  # fmt: skip
    assert "ok: val_acc >= 0.8" in lines
    assert set(rule) == {"─", " "}
    assert own.split()[:4] == ["start", "0", "0.85", "3000"]
    end = header.index("num_params ↓") + len("num_params ↓")
    assert all(line[:end].rstrip() == line[:end] for line in (best, second, third, own)), "numbers end below each other"


def test_own_configuration_on_the_front_is_marked_there() -> None:
    lines = concluded(120, own=FRONT[1])
    assert sum("start 2" in line for line in lines) == 1 and not any("──" in line for line in lines)


def test_three_commands_say_what_to_do_next() -> None:
    assert concluded(60)[-3:] == [
        "Run a point again: python train.py +pareto=trial_1",
        "Choose a point: ax-mo pareto /tmp/sweep",
        "ax_mo: to resume: python train.py -m",
    ]


@pytest.mark.parametrize("width", [20, 80, 200])
def test_columns_that_do_not_fit_are_left_out_whole(width: int) -> None:
    lines = concluded(width)
    begin = next(i for i, line in enumerate(lines) if line.startswith("  trial"))
    table = lines[begin : begin + 6]
    assert table[5].startswith("start 0")
    assert all(cell_len(line) < width for line in table)
    text = "\n".join(lines)
    if width == 200:
        assert "Not shown" not in text and "data.batch_size" in table[0]
    else:
        assert "Not shown, for want of room:" in " ".join(text.split())
        assert "…" not in "".join(table)


def test_best_values_stand_out_and_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, out = on(120, color=True)
    screen.conclude(conclusion())
    assert re.findall(r"\x1b\[1;32m *([\d.]+)", out.getvalue()) == ["0.9375", "1000"]
    monkeypatch.setenv("NO_COLOR", "1")
    plain, out = on(120, color=True)
    plain.conclude(conclusion())
    assert not re.search(r"\x1b\[[\d;]*3\d", out.getvalue())


def test_study_without_a_result_ends_in_words() -> None:
    text = "\n".join(concluded(80, front=(), own=None, hypervolume=None))
    assert "done: 5 completed" in text and "Pareto" not in text


def test_constraints_that_no_trial_meets_are_said_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    none = "none of the 5 completed trials meets the constraint 'seconds <= 1'"
    assert f"No Pareto front: {none}" in concluded(120, front=(), own=None, hypervolume=0.0, none_feasible=none)
    Screen().conclude(conclusion(front=(), own=None, hypervolume=0.0, none_feasible=none))
    assert f"\nNo Pareto front: {none}\n" in capsys.readouterr().out


PROGRESS = StudyProgress(
    48, 11, 1, 3, 2, 4, 0.125, {"val_acc": (0.9375, 4), "num_params": (1000.0, -1)}, 4,
    (
        Running("12", ("model.hidden1=128", "optim.lr=0.01"), {"loss": 0.5, "val_acc": 0.91}, 3, 31.0),
        Running("13", (f"note={EVIL}",), {}, None, 2.0),
        Running("14 repeat 1", (), {EVIL: 1.0}, 0, 2.0),
    ),
)  # fmt: skip


@pytest.mark.parametrize("width", [10, 40, 120])
def test_live_block_is_never_wider_than_the_terminal(width: int) -> None:
    text = block(PROGRESS, 130.0, 400.0, width, 24, GOALS).plain
    assert all(cell_len(line) < width for line in text.splitlines())
    assert not CONTROL.search(text)
    if width >= 40:
        assert "14/48" in text and "3/4 running" in text and "trial 12" in text


def test_live_block_names_running_trials_and_what_they_report() -> None:
    lines = block(PROGRESS, 130.0, 400.0, 120, 24, GOALS).plain.splitlines()
    assert lines[0].endswith(" 14/48  3/4 running  1 failed  6:40 to go  2 stopped early  2:10 elapsed")
    assert lines[1] == "hypervolume 0.125, 4 on the front"
    assert lines[2:4] == ["  best val_acc 0.9375  trial 4", "  best num_params 1000  trial imported 1"]
    assert lines[4] == "  trial 12  0:31  val_acc 0.91 at 3  model.hidden1=128 optim.lr=0.01"
    assert lines[6].endswith("the project's own configuration")


def test_live_block_says_what_no_trial_meets() -> None:
    short = replace(PROGRESS, best_falls_short=True)
    assert "  no trial meets every threshold" in block(short, 1.0, None, 80, 24, GOALS).plain.splitlines()
    none = replace(PROGRESS, front=0, hypervolume=0.0, best={})
    lines = block(none, 1.0, None, 80, 24, GOALS).plain.splitlines()
    assert lines[1] == "no trial meets the constraints yet" and "hypervolume" not in "".join(lines)


def test_live_block_leaves_room_on_a_low_terminal() -> None:
    many = replace(PROGRESS, running=50, trials=[Running(str(n)) for n in range(50)])
    lines = block(many, 1.0, None, 80, 12, GOALS).plain.splitlines()
    assert len(lines) <= 10 and lines[-1] == "  and 46 more"


def test_what_trials_returned_reaches_no_terminal_unescaped(capsys: pytest.CaptureFixture[str]) -> None:
    failed = replace(OWN, status=Status.FAILED, metrics={}, reason=EVIL, stderr_tail=f"{EVIL}\n{EVIL}")
    live, out = on(80)
    for screen in (live, Screen()):
        screen.submitted(failed)
        for status in (Status.FAILED, Status.EARLY_STOPPED):
            screen.ended(replace(failed, status=status), GOALS)
        screen.ended(replace(OWN, reason=EVIL), GOALS)
        screen.notice(EVIL)
        screen.update(PROGRESS)
        screen.close()
        screen.conclude(conclusion())
    for text in (out.getvalue(), capsys.readouterr().out):
        assert "\x1b[31m" not in text and "\x1b]" not in text and "\x07" not in text
        assert "[bold]:warning:" in text, "no markup, no emoji"


def shown(capsys: pytest.CaptureFixture[str], *ended: tuple[Trial, Trial | None]) -> list[list[str]]:
    """What both screens say of trials that end, with those that they are like."""
    live, out = on(80)
    plain = Screen()
    for trial, alike in ended:
        live.ended(trial, GOALS, alike)
        plain.ended(trial, GOALS, alike)
    written = capsys.readouterr().out.replace("ax_mo: ", "")
    return [re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() for text in (out.getvalue(), written)]


def test_tabs_and_colours_of_a_trial_are_spaces_and_none(capsys: pytest.CaptureFixture[str]) -> None:
    failed = replace(
        OWN, status=Status.FAILED, metrics={}, reason="\x1b[31ma\tb\x1b[0m", stderr_tail="\tline 7\nc\td\x1b[0m"
    )
    for lines in shown(capsys, (failed, None)):
        assert [line.rstrip() for line in lines] == [
            "trial 0 failed: a       b", "          line 7", "  c       d",
        ]  # fmt: skip


def test_same_error_as_an_earlier_trial_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    first = replace(OWN, status=Status.FAILED, metrics={}, reason="ValueError: no", stderr_tail="line\nline")
    for lines in shown(capsys, (first, None), (replace(first, number=3), first)):
        assert lines == ["trial 0 failed: ValueError: no", "  line", "  line", "trial 3 failed: same error as trial 0"]


def test_pipe_and_dumb_terminal_get_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(screen_for_this_terminal()) is Screen
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert type(screen_for_this_terminal()) is Screen
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screen_for_this_terminal(), LiveScreen)


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_terminal_that_is_gone_ends_no_study() -> None:
    screen = LiveScreen(Console(file=Gone(), force_terminal=True))
    screen.header("x")
    screen.update(PROGRESS)
    screen.close()
    screen.conclude(conclusion())
