"""What a study would do, as text."""

import pytest

from ax_mo.core.linear import LinearConstraint
from ax_mo.core.objectives import parse_goals
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice, Condition, Option, Parameter, Range
from ax_mo.search_space.space import ConditionalOverride, SearchSpace
from ax_mo.sweep.dry_run import description

GOALS = parse_goals({"val_acc": {"goal": "maximize", "threshold": 0.9}, "size": "minimize"}, None, ["seconds <= 60"])
MLP, CNN = (Condition("model", (option,)) for option in ("mlp", "cnn"))
SPACE = SearchSpace(
    (
        Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn")), is_group=True),
        Range("model.hidden", 16, 128, integral=True, log=True, when=(MLP,)),
        Choice("model.kernel", (Option(3, "3"), Option(5, "5")), ordered=True, when=(CNN,)),
        Range("lr", 1e-4, 0.1, log=True),
        Choice("+name", (Option("a,b", "'a,b'"), Option(None, "null"))),
    ),
    fixed=("trainer.max_epochs=3",),
    conditional=(ConditionalOverride("model.bias", "model.bias=true", (CNN,)),),
)


def space_of(*lines: str, constraints: tuple[LinearConstraint, ...] = ()) -> SearchSpace:
    parameters: list[Parameter] = []
    for line in lines:
        parameter = parse_entry(line, line.split("=")[0], lambda _: [])
        assert isinstance(parameter, Range | Choice)
        parameters.append(parameter)
    return SearchSpace(tuple(parameters), constraints)


def counted(space: SearchSpace) -> str:
    text = description(space, GOALS, "", [], "")
    return next(line for line in text.splitlines() if line.startswith("configurations: "))[16:]


def test_whole_text() -> None:
    assert description(SPACE, GOALS, "20 trials", ["One sentence.", "Another."], "python train.py 'x=1 2'") == (
        "key           kind          values         scale        active when\n"
        "model         config group  mlp, cnn       categorical  always\n"
        "model.hidden  int           16 to 128      log          model=mlp\n"
        "model.kernel  choice        3, 5           ordered      model=cnn\n"
        "lr            float         0.0001 to 0.1  log          always\n"
        "+name         choice        'a,b', null    categorical  always\n"
        "\n"
        "in every trial: trainer.max_epochs=3 model.bias=true (when model=cnn)\n"
        "\n"
        "configurations: infinitely many\n"
        "\n"
        "objective  goal      threshold  scale\n"
        "val_acc    maximize  0.9        auto\n"
        "size       minimize             auto\n"
        "\n"
        "constraints: seconds <= 60\n"
        "\n"
        "20 trials\n"
        "\n"
        "note: One sentence.\n"
        "note: Another.\n"
        "\n"
        "python train.py 'x=1 2'"
    )


def test_what_there_is_not_is_not_shown() -> None:
    text = description(space_of("x=interval(0,1)"), parse_goals({"f": "minimize"}), "", [], "python a.py")
    for word in ("in every trial", "constraints", "note:"):
        assert word not in text


def test_parameter_constraints_are_shown() -> None:
    constraint = LinearConstraint((("a", 1.0), ("b", -1.0)), 0.0, "a <= b")
    text = description(space_of("a=interval(0,1)", "b=interval(0,1)", constraints=(constraint,)), GOALS, "", [], "")
    assert "parameter constraints: a <= b\n" in text


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["a=1,2,3"], "3"),
        (["a=1,2,3", "b=int(interval(1,500))"], "1,500"),
        (["a=1,2,3", "b=interval(1,500)"], "infinitely many"),
    ],
)
def test_configurations_are_counted_where_finite(lines: list[str], count: str) -> None:
    assert counted(space_of(*lines)) == count


def test_count_is_of_what_meets_the_constraints() -> None:
    constraint = LinearConstraint((("a", 1.0), ("b", -1.0)), 0.0, "a <= b")
    small = space_of("a=int(interval(1,10))", "b=int(interval(1,10))", constraints=(constraint,))
    assert counted(small) == "55"
    large = space_of("a=int(interval(1,2000))", "b=int(interval(1,2000))", constraints=(constraint,))
    assert counted(large) == "at most 4,000,000, before the constraints"


def test_count_of_a_conditional_space_is_the_sum_over_its_options() -> None:
    parameters = tuple(p for p in SPACE.parameters if p.key != "lr")
    assert counted(SearchSpace(parameters)) == str(2 * (113 + 2))
