"""What a new study has of an earlier one, and how its user is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ax_mo.core.trial import TrialRun
from ax_mo.hydra_project.config_diff import Difference
from ax_mo.search_space.space import Outside

_KINDS = 5
"""Of reasons that a summary names."""
_LISTED = 3
"""Keys that one reason names."""


@dataclass(frozen=True)
class Reason:
    """Why a trial is left out, or what about it was passed over."""

    text: str
    kind: str
    """The same for reasons that are alike but for a value of the trial's."""
    keys: tuple[str, ...] = ()
    """Those that differ; with all of them under ``ignore``, the trial would be taken."""

    def __str__(self) -> str:
        return self.text


def plain_reason(text: str) -> Reason:
    """A reason that has no values of the trial in it."""
    return Reason(text, text)


def outside_reason(outside: Outside) -> Reason:
    """That the trial's point is not in the space."""
    return Reason(str(outside), outside.kind)


def differing_reason(differences: Sequence[Difference]) -> Reason:
    """That a trial did not run as it would here."""

    def told(was: Callable[[Difference], str]) -> str:
        shown = [
            f"{one.key} {'did not exist' if one.there is None else was(one)} there and "
            f"{'does not exist' if one.here is None else f'is {one.here}'} here"
            for one in differences[:_LISTED]
        ]
        more = len(differences) - _LISTED
        return ", ".join(shown) + (f", and {more} more key(s) differ" if more > 0 else "")

    keys = tuple(difference.key for difference in differences)
    return Reason(told(lambda one: f"was {one.there}"), told(lambda _: "was another"), keys)


@dataclass(frozen=True)
class Import:
    """What one source gives: trials that lie in the space, not numbered yet, and what was left out and why."""

    label: str
    """Where the earlier study is."""
    ignore: tuple[str, ...]
    """The keys that its trials may differ in."""
    trials: tuple[TrialRun, ...]
    left_out: tuple[Reason, ...] = ()
    ignored: Mapping[str, Reason] = field(default_factory=dict)
    """What ``ignore`` let pass, by the handles of the trials that it was needed for."""
    unchecked: frozenset[str] = frozenset()
    """The handles of the trials that have no record of their configuration left."""

    def summary(self) -> str:
        """For the user: one line, unless there are several kinds of reasons, or one that can be passed over."""
        parts = [f"warm start: {len(self.trials)} trial(s) imported from {self.label}"]
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
        keys = list(dict.fromkeys(key for reason in self.left_out for key in reason.keys))
        if not keys:
            return "; ".join(parts)
        return (
            f"{'; '.join(parts)}\n  Where a difference cannot change a result, let it pass: hydra.sweeper.warm_start: "
            f"[{{from: {self.label}, ignore: [{', '.join([*self.ignore, *keys[:_KINDS]])}]}}]"
        )


def _listing(reasons: Sequence[Reason]) -> str:
    """The kinds of reasons, the most frequent first, with their numbers where there are several."""
    kinds: dict[str, list[Reason]] = {}
    for reason in reasons:
        kinds.setdefault(reason.kind, []).append(reason)
    if len(kinds) == 1:
        return f" {_told(reasons)}"
    alike = sorted(kinds.values(), key=len, reverse=True)
    lines = [f"{len(members)}: {_told(members)}" for members in alike[:_KINDS]]
    if len(alike) > _KINDS:
        lines.append(f"and {sum(map(len, alike[_KINDS:]))} more")
    return "".join(f"\n  {line}" for line in lines)


def _told(alike: Sequence[Reason]) -> str:
    """What keys were there is told where all had the same."""
    first = alike[0]
    return first.text if first.keys and {reason.text for reason in alike} == {first.text} else first.kind
