"""A space as JSON, and back."""

import json

from ax_mo.core.linear import LinearConstraint
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Condition
from ax_mo.search_space.space import ConditionalOverride, SearchSpace, space_as_json, space_from_json

AWKWARD = """'a,b', '1', 1, 1.0, true, 'true', null, 'null', [1,[2.5]], {x:1,y:[a]}, '', 'é', '${a}', "it's", x"""


def test_space_is_read_back_as_it_was_written() -> None:
    lines = {
        "model": "mlp,cnn",
        "opt": "adam,'18'",
        "lr": "tag(log, interval(1e-4, 1))",
        "width": "int(interval(2, 9))",
        "depth": "tag(ordered, choice(a, b))",
        "any": AWKWARD,
    }

    def options(group: str) -> list[str]:
        return {"model": ["mlp", "cnn"], "opt": ["adam", "18"]}.get(group, [])

    parameters = tuple(parse_entry(f"{key}={value}", key, options) for key, value in lines.items())
    when = (Condition("model", ("mlp",)),)
    space = SearchSpace(
        parameters,  # type: ignore[arg-type]
        (LinearConstraint((("lr", 2.0), ("width", -1.0)), 0.5, "2*lr <= width + 0.5"),),
        ("seed=1",),
        (ConditionalOverride("bias", "bias=true", when),),
    )
    assert space_from_json(json.loads(json.dumps(space_as_json(space)))) == space
