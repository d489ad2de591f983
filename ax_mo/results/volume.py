"""The dominated hypervolume in plain Python: a command that prints it must not wait seconds for torch. Pure."""

from collections.abc import Sequence

Vector = tuple[float, ...]


def dominated_volume(points: Sequence[Vector], reference: Vector) -> float:
    """The volume that ``points`` dominate beyond ``reference``, more being better in every coordinate.

    Points that are not beyond the reference in every coordinate add nothing. By the WFG algorithm (While, Bradstreet,
    Barone 2012): each point's own box less what the points after it take of it. Exact but for rounding.
    """
    boxes = [tuple(value - zero for value, zero in zip(point, reference, strict=True)) for point in points]
    return _volume(_nondominated([box for box in boxes if all(side > 0.0 for side in box)]))


def _volume(boxes: Sequence[Vector]) -> float:
    if not boxes:
        return 0.0
    if len(boxes[0]) == 1:
        return max(box[0] for box in boxes)
    ordered = sorted(boxes, reverse=True)
    if len(boxes[0]) == 2:
        total, reached = 0.0, 0.0
        for width, height in ordered:  # from the widest, each adds what it is higher
            if height > reached:
                total += width * (height - reached)
                reached = height
        return total
    total = 0.0
    for index, box in enumerate(ordered):
        own = 1.0
        for side in box:
            own *= side
        shared = [tuple(map(min, box, other)) for other in ordered[index + 1 :]]
        total += own - _volume(_nondominated(shared))
    return total


def _nondominated(boxes: Sequence[Vector]) -> list[Vector]:
    """The boxes that lie in no other; of equal ones, one."""
    kept: list[Vector] = []
    for box in sorted(set(boxes), reverse=True):  # whatever holds a box stands before it
        if not any(all(a >= b for a, b in zip(other, box, strict=True)) for other in kept):
            kept.append(box)
    return kept
