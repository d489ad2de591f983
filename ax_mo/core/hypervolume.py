"""The dominated hypervolume, exact but for rounding. In plain Python: a command must not wait for NumPy or torch."""

from bisect import bisect_left
from collections.abc import Sequence
from math import prod
from operator import ge

Vector = tuple[float, ...]


def dominated_volume(points: Sequence[Vector], reference: Vector) -> float:
    """The volume that ``points`` dominate beyond ``reference``, more being better in every coordinate.

    Points that are not beyond the reference in every coordinate add nothing.
    """
    return _volume([box for box in _boxes(points, reference) if box])


def volumes_so_far(points: Sequence[Vector], reference: Vector) -> list[float]:
    """``dominated_volume`` of the first point, the first two, … : each adds its own box less what the front has of it.

    Where each of a thousand points is on the front, it takes most of a second; otherwise milliseconds.
    """
    total, totals = 0.0, list[float]()
    front: list[Vector] = []
    for box in _boxes(points, reference):
        if box and not any(_holds(other, box) for other in front):
            # Of a volume beyond all floats nothing is left over, and nothing is added.
            total += max(0.0, prod(box) - _volume([tuple(map(min, box, other)) for other in front]))
            front = [other for other in front if not _holds(box, other)]
            front.append(box)
        totals.append(total)
    return totals


def _boxes(points: Sequence[Vector], reference: Vector) -> list[Vector]:
    """What each point dominates, by its sides; an empty one for nothing."""
    boxes = [tuple(float(value - zero) for value, zero in zip(point, reference, strict=True)) for point in points]
    return [box if all(side > 0.0 for side in box) else () for box in boxes]


def _holds(box: Vector, other: Vector) -> bool:
    return all(map(ge, box, other))


def _volume(boxes: Sequence[Vector]) -> float:
    """Of boxes that may lie in each other: slice by slice along the last side, each as thick as to the next box."""
    if not boxes:
        return 0.0
    dimensions = len(boxes[0])
    if dimensions == 1:
        return max(box[0] for box in boxes)
    if dimensions == 2:
        stairs = _Stairs()
        return sum(stairs.add(x, y) for x, y in boxes)
    ordered = sorted(boxes, key=lambda box: box[-1], reverse=True)
    if dimensions == 3:
        stairs = _Stairs()
        total = area = 0.0
        for (x, y, z), below in zip(ordered, [*(box[2] for box in ordered[1:]), 0.0], strict=True):
            area += stairs.add(x, y)
            total += area * (z - below)
        return total
    # What a box alone has, of it and all that are thicker, is as thick as it is (Bradstreet, While, Barone 2012).
    total = 0.0
    thicker: list[Vector] = []
    for *sides, thickness in ordered:
        base = tuple(sides)
        if not any(_holds(other, base) for other in thicker):
            total += thickness * max(0.0, prod(base) - _volume([tuple(map(min, base, other)) for other in thicker]))
            thicker = [other for other in thicker if not _holds(base, other)]
            thicker.append(base)
    return total


class _Stairs:
    """The union of rectangles that share a corner: its steps from left to right, and so from high to low."""

    def __init__(self) -> None:
        self._xs: list[float] = []
        self._ys: list[float] = []

    def add(self, x: float, y: float) -> float:
        """Returns the area that the rectangle adds."""
        xs, ys = self._xs, self._ys
        right = bisect_left(xs, x)
        height = ys[right] if right < len(ys) else 0.0
        if height >= y:
            return 0.0
        left = right
        while left and ys[left - 1] <= y:
            left -= 1
        area, begin = 0.0, xs[left - 1] if left else 0.0
        for step in range(left, right):
            area += (xs[step] - begin) * (y - ys[step])
            begin = xs[step]
        area += (x - begin) * (y - height)
        end = right + 1 if right < len(xs) and xs[right] == x else right
        xs[left:end], ys[left:end] = [x], [y]
        return area
