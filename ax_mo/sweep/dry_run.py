"""What a study would do, for ``hydra.sweeper.dry_run=true``: the space, the objectives, the first trial's command."""

from collections.abc import Sequence

from ax_mo.core.objectives import Goals
from ax_mo.search_space.parameters import Choice, Parameter, Range, Space, when_text
from ax_mo.terminal import text_table

# Counting the points that meet constraints means going through them.
_COUNTABLE = 1_000_000


def description(
    space: Space,
    goals: Goals,
    command: str,
    remarks: Sequence[str] = (),
    title: str = "the first trial's command",
    outline: str = "",
) -> str:
    """The whole text. ``remarks`` are sentences worth a second look, ``title`` stands above the command, ``outline``
    says how many trials of what kind.
    """
    parts = [
        text_table(
            ["key", "kind", "values", "scale", "active when"],
            [[p.key, _kind(p), _values(p), _scale(p), when_text(p.when) or "always"] for p in space.parameters],
        )
    ]
    if space.constraints:
        parts.append("parameter constraints: " + "; ".join(constraint.text for constraint in space.constraints))
    given = [*space.fixed, *(f"{c.line} (when {when_text(c.when)})" for c in space.conditional)]
    if given:
        parts.append("in every trial: " + " ".join(given))
    parts.append(f"configurations: {_count(space)}")
    parts.append(
        text_table(
            ["objective", "goal", "threshold"],
            [[o.name, o.goal, "" if o.threshold is None else f"{o.threshold:g}"] for o in goals.objectives],
        )
    )
    if goals.constraints:
        parts.append("constraints: " + "; ".join(constraint.text for constraint in goals.constraints))
    if outline:
        parts.append(outline)
    if remarks:
        parts.append("\n".join(f"note: {remark}" for remark in remarks))
    parts.append(f"{title}:\n{command}")
    return "\n\n".join(parts)


def _kind(parameter: Parameter) -> str:
    if isinstance(parameter, Range):
        return "int" if parameter.integral else "float"
    if parameter.is_group:
        return "config group"
    return "choice"


def _values(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return ", ".join(option.text for option in parameter.options)
    if parameter.integral:
        return f"{int(parameter.low)} to {int(parameter.high)}"
    return f"{parameter.low:g} to {parameter.high:g}"


def _scale(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return "ordered" if parameter.ordered else "categorical"
    return "log" if parameter.log else "linear"


def _count(space: Space) -> str:
    size = space.size
    if size is None:
        return "infinitely many"
    if not space.constraints:
        return f"{size:,}"
    if size > _COUNTABLE:
        return f"at most {size:,}, before the constraints"
    return f"{sum(1 for _ in space.points()):,}"
