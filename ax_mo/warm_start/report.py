"""What a new study has of an earlier one, and how its user is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ax_mo.core.trial import TrialRun
from ax_mo.hydra_project.config_diff import Difference
from ax_mo.search_space.space import Outside
from ax_mo.storage.location import Location

_KINDS = 5
"""Of reasons that a summary names."""
_LISTED = 3
"""Keys of one reason, and values of one key, that a summary names."""


@dataclass(frozen=True)
class EarlierStudy:
    """Where an earlier study is, and the keys that may differ in its trials."""

    location: Location
    ignore: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.location.label


@dataclass(frozen=True)
class Reason:
    """Why a trial is left out: in words, as a point outside the space, or by what is not as it would be here."""

    words: str = ""
    differences: tuple[Difference, ...] = ()
    outside: Outside | None = None
    can_be_ignored: bool = True
    """Whether the trial would be taken with the keys of the differences under ``ignore``."""

    @property
    def kind(self) -> tuple[object, ...]:
        """Equal for reasons that are alike but for a value."""
        keys = tuple((difference.key, difference.here, difference.there is None) for difference in self.differences)
        return self.words, keys, self.outside and self.outside.kind

    def __str__(self) -> str:
        return str(self.outside) if self.outside is not None else self.words or _told([self.differences])


@dataclass(frozen=True)
class Import:
    """What one source gives: trials that lie in the space, not numbered yet, and what was left out and why."""

    source: EarlierStudy
    trials: tuple[TrialRun, ...]
    left_out: tuple[Reason, ...] = ()
    ignored: Mapping[str, Reason] = field(default_factory=dict)
    """What ``ignore`` let pass, by the handles of the trials that it was needed for."""
    unchecked: frozenset[str] = frozenset()
    """The handles of the trials that have no record of their configuration left."""

    def summary(self) -> str:
        """For the user: one line, unless there are several kinds of reasons, or one that can be passed over."""
        parts = [f"warm start: {len(self.trials)} trial(s) imported from {self.source.label}"]
        handles = [str(trial.handle) for trial in self.trials]
        ignored = [self.ignored[handle] for handle in handles if handle in self.ignored]
        if ignored:
            parts.append(f"ignored in {len(ignored)}:{_listing(ignored)}")
        unchecked = sum(handle in self.unchecked for handle in handles)
        if unchecked:
            parts.append(
                f"{unchecked} could not be checked beyond the overrides: their directories, with the "
                "configuration that they ran with, are gone"
            )
        if self.left_out:
            parts.append(f"{len(self.left_out)} left out:{_listing(self.left_out)}")
        return "; ".join(parts) + self._way_out()

    def _way_out(self) -> str:
        reasons = [reason for reason in self.left_out if reason.can_be_ignored]
        keys = list(dict.fromkeys(difference.key for reason in reasons for difference in reason.differences))
        if not keys:
            return ""
        ignore = ", ".join([*self.source.ignore, *keys[:_KINDS]])
        return (
            "\n  Where a difference cannot change a result, let it pass: "
            f"hydra.sweeper.warm_start: [{{from: {self.source.label}, ignore: [{ignore}]}}]"
        )


def _listing(reasons: Sequence[Reason]) -> str:
    """The reasons, those that are alike but for a value as one, with their numbers where there are several."""
    alike: dict[object, list[Reason]] = {}
    for reason in reasons:
        alike.setdefault(reason.kind, []).append(reason)
    kinds = [(len(members), _alike(members)) for members in alike.values()]
    if len(kinds) == 1:
        return f" {kinds[0][1]}"
    kinds.sort(key=lambda kind: -kind[0])
    lines = [f"{count}: {told}" for count, told in kinds[:_KINDS]]
    if len(kinds) > _KINDS:
        lines.append(f"and {sum(count for count, _ in kinds[_KINDS:])} more")
    return "".join(f"\n  {line}" for line in lines)


def _alike(reasons: Sequence[Reason]) -> str:
    """Reasons of one kind."""
    first = reasons[0]
    return first.outside.kind if first.outside else first.words or _told([reason.differences for reason in reasons])


def _told(trials: Sequence[tuple[Difference, ...]]) -> str:
    """The differences of trials that are alike but for the values there."""
    told: list[str] = []
    for alike in zip(*trials, strict=True):
        one = alike[0]
        values = list(dict.fromkeys(str(difference.there) for difference in alike))
        there = "did not exist there" if one.there is None else f"was {_either(values)} there"
        here = "does not exist here" if one.here is None else f"is {one.here} here"
        told.append(f"{one.key} {there} and {here}")
    more = len(told) - _LISTED
    return ", ".join(told[:_LISTED]) + (f", and {more} more key(s) differ" if more > 0 else "")


def _either(values: Sequence[str]) -> str:
    listed, more = list(values[:_LISTED]), len(values) - _LISTED
    if more > 0:
        listed.append(f"one of {more} other values")
    return " or ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
