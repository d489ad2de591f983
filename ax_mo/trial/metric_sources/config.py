"""The source ``config``: values of the trial's configuration, or expressions of them, worked out by the sweeper."""

from typing import Any

from ax_mo.trial.metric_sources.source import MetricSource, NotFound, TrialOutput


class ConfigValue(MetricSource):
    """``key`` is a dotted key of the configuration, or an expression such as ``model.width * model.depth``."""

    has_many_values = False

    def __init__(self, metric: str, *, key: Any = None) -> None:
        self._metric = metric
        if isinstance(key, int | float):
            raise ValueError(
                f"key: {key!r} is a number, and no key of the config. Write the key itself: what ${{...}} stands for "
                "is put in its place once, for the sweep, and would be the same in every trial."
            )
        if not isinstance(key, str) or not key.strip():
            raise ValueError(
                "key is missing: name a value of the config, such as model.width, or an expression of some."
            )
        if "${" in key:
            raise ValueError(f"key: write '{key}' without ${{ and }}: keys stand for their values here.")
        self.key = key

    def values(self, trial: TrialOutput) -> list[float] | NotFound:
        """What the sweeper has written into ``trial.json``."""
        config = trial.spec.get("config")
        if isinstance(config, dict) and self._metric in config:
            return [config[self._metric]]
        return NotFound("value", self.key, "trial.json", "it has none of the trial")
