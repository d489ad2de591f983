"""A first experiment file as text: YAML that runs as it is, with comments on what else could stand there."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from ax_mo.experiment_file.objectives import ProposedObjectives
from ax_mo.experiment_file.ranges import Proposal
from ax_mo.experiment_file.space import ProposedSpace
from ax_mo.hydra_project.overrides import as_text

_TRIALS_PER_PARAMETER = 6
_FEWEST_TRIALS, _MOST_TRIALS = 20, 60


@dataclass(frozen=True)
class ExperimentFile:
    """What the file says. ``command`` runs it, and ``schema`` is the name of the JSON schema beside it."""

    objectives: ProposedObjectives
    space: ProposedSpace
    command: str
    schema: str

    @property
    def n_trials(self) -> int:
        """How many trials it asks for, by the size of the space."""
        return min(max(_TRIALS_PER_PARAMETER * self.space.size, _FEWEST_TRIALS), _MOST_TRIALS)

    def text(self) -> str:
        """The whole file."""
        lines = [
            "# @package _global_",
            f"# yaml-language-server: $schema={self.schema}",
            "# A first search of this project, proposed by ax-mo init. What it will do, without running anything:",
            f"#   {self.command} hydra.sweeper.dry_run=true",
            "# Run it:",
            f"#   {self.command}",
            "defaults:",
            "  - override /hydra/sweeper: ax_mo",
            "",
            "hydra:",
            "  sweeper:",
            *(f"    {line}" for line in self._settings()),
        ]
        return "\n".join(lines) + "\n"

    def _settings(self) -> list[str]:
        found = self.objectives
        rows = [(f"{scalar(one.name)}: {one.goal}", one.why) for one in found.objectives]
        known = [f"# Known besides: {', '.join(found.others)}."] if found.others else []
        known += [f"# {note}" for note in found.notes]
        return [
            "# The worst value that is still of interest steers the search: {goal: maximize, threshold: 0.9}",
            "objectives:",
            *indented(aligned(rows)),
            *indented(known),
            *indented(["# Any trial has trial_seconds and peak_memory_mb: minimize them as well, or bound them:"]),
            '# constraints: ["trial_seconds <= 600"]',
            *aligned(
                [
                    (f"n_trials: {self.n_trials}", "in total, also after a resume"),
                    ("n_jobs: 2", "at once; auto: as many as this machine has room for"),
                ]
            ),
            *self._params(),
        ]

    def _params(self) -> list[str]:
        space = self.space
        lines = ["params:" if space.size else "params: {}", *indented(self._besides())]
        for group in space.groups:
            if not group.by_option:
                lines += indented(aligned([(f"{scalar(group.group)}: {group.values}", f"is {group.own}")]))
                continue
            lines += indented([f"{scalar(group.group)}:    # is {group.own}; what is below an option goes with it"])
            for option, found in group.by_option.items():
                lines += indented([f"{scalar(option)}:" if found else f"{scalar(option)}: {{}}"], 4)
                lines += indented(aligned(_rows(found)), 6)
        return [*lines, *indented(aligned(_rows(space.shared)))]

    def _besides(self) -> list[str]:
        space = self.space
        lines = [] if space.size else ["# Nothing here looks like a learning rate, a width, ...: name what to search,"]
        lines += [] if space.size else ["# such as {optim.lr: 'tag(log, interval(1e-4, 1e-1))'}"]
        for group, options in space.besides.items():
            lines.append(f"# {group}: choice({', '.join(map(as_text, options))})")
        lines += [f"# {line} is left out, for it does not compose: {why}" for line, why in space.left_out.items()]
        return lines


def _rows(found: Sequence[Proposal]) -> list[tuple[str, str]]:
    return [(f"{scalar(one.key)}: {scalar(one.values)}", f"is {as_text(one.own)}") for one in found]


def aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of YAML, each with its comment, in two columns."""
    width = max((len(line) for line, _ in rows), default=0)
    return [f"{line:<{width}}   # {comment}" if comment else line for line, comment in rows]


def indented(lines: Sequence[str], by: int = 2) -> list[str]:
    """The lines with so many spaces before them."""
    return [f"{' ' * by}{line}" for line in lines]


def scalar(text: str) -> str:
    """A string as YAML has it, quoted where it would be read as something else."""
    plain = yaml.safe_dump({text: None}, width=10**9, allow_unicode=True).partition(": null")[0]
    return f'"{text}"' if plain.startswith("?") else plain
