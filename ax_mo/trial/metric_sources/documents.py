"""The sources ``json``, ``yaml`` and ``jsonl``: values by dotted keys in files that a task writes."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ax_mo.trial.metric_sources.dotted_keys import ABSENT, keys_in, value_by_key
from ax_mo.trial.metric_sources.file_source import FileSource, FoundInFile, first_names
from ax_mo.trial.metric_sources.files import file_lines
from ax_mo.trial.metric_sources.source import TrialOutput, checked_name
from ax_mo.trial.numbers import finite_number, finite_numbers, in_order
from ax_mo.trial.untrusted import MOST_BYTES, Unusable, parse_json, read_bytes

_MOST_OF_JSON = 16 * MOST_BYTES
_MOST_NAMES = 100


class JsonFile(FileSource):
    """A ``key`` of a JSON document. If that is a list, its entries may be what has the key."""

    example = "results.json"
    tag: str

    def __init__(self, metric: str, *, key: Any = None, path: Any = None) -> None:
        self.tag = checked_name("key", metric if key is None else key)
        super().__init__(path)

    def document(self, path: Path) -> Any:
        """What the file holds."""
        return parse_json(read_bytes(path, _MOST_OF_JSON), strict=False)

    def look_in(self, path: Path, name: str, trial: TrialOutput) -> FoundInFile:
        content = trial.read_once((type(self), path), lambda: self.document(path))
        rows = content if isinstance(content, list) else [content]
        entries = [value_by_key(content, self.tag)]
        if entries[0] is ABSENT and isinstance(content, list):
            entries = [value_by_key(row, self.tag) for row in rows]
        entries = [entry for entry in entries if entry is not ABSENT]
        names = tuple(dict.fromkeys(islice((key for row in rows[-_MOST_NAMES:] for key in keys_in(row)), _MOST_NAMES)))
        instead = f"what {name} has there is no number" if entries else f"{name} has the keys {first_names(names)}"
        return FoundInFile([value for entry in entries for value in finite_numbers(entry)], instead, names)


class YamlFile(JsonFile):
    """A ``key`` of a YAML document."""

    example = "results.yaml"

    def document(self, path: Path) -> Any:
        import yaml  # Hydra brings it, and most trials have no need of it

        content = read_bytes(path)
        try:
            return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise Unusable(f"is no YAML: {' '.join(str(error).split()):.200}") from None


class JsonLines(JsonFile):
    """A ``key`` of the JSON documents that a file has, one a line; ``step_key`` puts them in order."""

    example = "logs/*.jsonl"

    def __init__(self, metric: str, *, key: Any = None, path: Any = None, step_key: Any = None) -> None:
        super().__init__(metric, key=key, path=path)
        self._step = None if step_key is None else str(step_key)

    def look_in(self, path: Path, name: str, trial: TrialOutput) -> FoundInFile:
        """What is read by lines counts as far as it goes; of a file of any length, only the metric's own is kept."""
        pairs: list[tuple[float, float]] = []
        names: dict[str, None] = {}
        was_there = False
        for index, row in enumerate(_rows(path)):
            entry = value_by_key(row, self.tag)
            step = index if self._step is None else finite_number(value_by_key(row, self._step))
            was_there |= entry is not ABSENT
            if step is not None:
                pairs += [(step, value) for value in finite_numbers(entry)]
            if not pairs and len(names) < _MOST_NAMES:
                names.update(dict.fromkeys(islice(keys_in(row), _MOST_NAMES)))
        instead = f"{name} has the keys {first_names(tuple(names))}"
        if was_there:
            step_is_there = self._step is None or self._step in names
            instead = f"what {name} has there is no number" if step_is_there else f"{instead}, and no '{self._step}'"
        return FoundInFile(in_order(pairs), instead, tuple(names))


def _rows(path: Path) -> Iterator[Any]:
    for line in file_lines(path):
        try:
            yield parse_json(line, strict=False)
        except Unusable:  # an empty line, or one that is torn
            continue
