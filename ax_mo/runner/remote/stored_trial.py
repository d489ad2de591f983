"""The program that runs a trial whose results go to a store: ``python -m ax_mo.runner.remote.stored_trial URL NAME``.

It ends as the trial does. A store that is away is waited for: the trial goes on, and what it leaves is sent later.
"""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ax_mo.runner.remote.changed_files import Change
from ax_mo.runner.remote.remote_trial import Orders, left_files, run_remote
from ax_mo.runner.remote.trial_store import Manifest, TrialStore, checksum, error_text
from ax_mo.trial.files import STOP

T = TypeVar("T")

_EVERY = 5.0
_PAUSE = 10.0
_PATIENCE = 3600.0
"""Seconds for which an ended trial waits for the store."""


def main() -> int:
    """The exit code of the trial."""
    url, name = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # which ends the trial's processes, too
    store = _patiently(lambda: TrialStore(url))
    job = _patiently(lambda: store.read_job(name))
    sender = _Sender(store, name)
    ended = run_remote(job, sender.report, _EVERY, appends=False)
    _patiently(sender.send)
    files = dict(sender.checksums)
    for file in left_files(ended.directory, job.fetch):
        path = ended.directory / file
        _patiently(lambda file=file, path=path: store.put_file(name, file, path))  # type: ignore[misc]
        files[file] = _checksum(path)
    _patiently(lambda: store.put_manifest(name, Manifest(ended.exit_code, files)))
    shutil.rmtree(ended.scratch, ignore_errors=True)
    return ended.exit_code if ended.exit_code >= 0 else 128 - ended.exit_code


class _Sender:
    """Sends what has changed, or does so the next time."""

    def __init__(self, store: TrialStore, name: str) -> None:
        self._store = store
        self._name = name
        self._unsent: dict[str, Change] = {}
        self._asked_to_stop = False
        self.checksums: dict[str, str] = {}

    def report(self, changes: Sequence[Change]) -> Orders:
        self._unsent |= {change.name: change for change in changes}
        try:
            self.send()
            request = None if self._asked_to_stop else self._store.stop_request(self._name)
        except Exception as error:  # whatever the client of a store that is away raises
            print(f"ax_mo: the store does not answer: {error_text(error)}", file=sys.stderr, flush=True)
            return Orders()
        self._asked_to_stop = self._asked_to_stop or request is not None
        return Orders() if request is None else Orders([Change(STOP, request)])

    def send(self) -> None:
        """Raises what the store's client raises."""
        for name, change in list(self._unsent.items()):
            self._store.put_files(self._name, [change])
            self.checksums[name] = checksum(change.content)
            del self._unsent[name]


def _checksum(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _patiently(call: Callable[[], T]) -> T:
    """What the call returns, tried for an hour. Raises what it raises in the end."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return call()
        except Exception as error:
            if isinstance(error, ImportError) or time.monotonic() > deadline:
                raise
            print(f"ax_mo: the store does not answer: {error_text(error)}", file=sys.stderr, flush=True)
            time.sleep(_PAUSE)


if __name__ == "__main__":
    sys.exit(main())
