"""How far a run trains, where trials train in rungs of growing budgets, and what a trial came to at each of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Budget:
    """The value that a run gives to ``key``, such as ``trainer.max_epochs``; a trial is complete at ``full``."""

    key: str
    value: int
    full: int
    resume_key: str | None = None
    """The key that takes the checkpoint of the rung before, which is no part of what the trial is."""
    is_reached: bool = False
    """Whether the run has come to it."""

    @property
    def is_full(self) -> bool:
        """Whether it is that of a complete trial."""
        return self.value >= self.full

    @property
    def override(self) -> str:
        """It as an override of the run."""
        return f"{self.key}={self.value}"

    @property
    def set_apart(self) -> tuple[str, ...]:
        """The keys in which two runs may differ and have trained the same."""
        return () if self.resume_key is None else (self.resume_key,)

    def __str__(self) -> str:
        return f"{self.override} of {self.full}"

    def as_json(self) -> dict[str, Any]:
        """As databases and files hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> "Budget":
        """Raises KeyError, TypeError or ValueError for what ``as_json`` did not make."""
        key, value, full = str(content["key"]), int(content["value"]), int(content["full"])
        resume_key = content.get("resume_key")
        is_reached = bool(content.get("is_reached"))
        return cls(key, value, full, None if resume_key is None else str(resume_key), is_reached)


@dataclass(frozen=True)
class Rung:
    """What a trial came to at one budget; ``directory``, relative to the sweep's, is that of its run."""

    budget: Budget
    metrics: Mapping[str, float]
    directory: str
