"""What makes two points one. Pure."""

from ax_mo.core.trial import Point
from ax_mo.search_space.parameters import Space

Identity = tuple[tuple[str, str], ...]


def identity(space: Space, point: Point) -> Identity:
    """The text of each active parameter, as on the command line: what JSON makes of a point is the same one.

    1, 1.0 and true are three values, and NaN is itself.
    """
    return tuple((parameter.key, parameter.text(point[parameter.key])) for parameter in space.active(point))
