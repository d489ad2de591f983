"""A local job's process as any later process can recognise it, on whatever machine that one runs.

A pid and the moment it began name a process of one boot of one machine, seen from one namespace of pids. A sweep
directory may be shared by several of those, and what belongs to another one can neither be looked up nor be ended.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from ax_mo.trial.files import PID, STDERR, STDOUT
from ax_mo.trial.untrusted import read_text

_NO_PID = 2**31

# Records who it is, then becomes the command: one process, no pid that another program may have by now.
# Whoever started it must have lived until it had: a resume that finds nothing recorded starts the trial once more.
# Its variables begin with an underscore: what the user exports is the command's.
_SCRIPT = (
    '_starter="$4"; _orphan() { [ -n "$_starter" ] && read -r _now < "/proc/$$/stat" 2>/dev/null && '
    '_now="${_now##*) }" && _now="${_now#* }" && [ "${_now%% *}" != "$_starter" ]; }; '
    '{ read -r _stat < "/proc/$$/stat" || _stat="$$"; '
    'read -r _host < /proc/sys/kernel/hostname || _host="$(uname -n)"; '
    '_boot=; read -r _boot < /proc/sys/kernel/random/boot_id; _space="$(readlink "/proc/$$/ns/pid")"; } 2>/dev/null; '
    "_orphan && exit 1; "
    'printf "%s\\n" "$_stat" "$_host" "$_boot" "$_space" > "$1" || exit 1; _orphan && exit 1; '
    '_out="$2"; _err="$3"; shift 4; AX_MO_JOB_PID=$$; export AX_MO_JOB_PID; '
    'exec "$@" >> "$_out" 2>> "$_err" < /dev/null'
)


def recorded(argv: tuple[str, ...], directory: Path, starter: int | None = None) -> list[str]:
    """The argv of a shell that leaves its identity in ``directory`` and then executes ``argv`` in its place.

    It does not where its parent is not ``starter``, which has died then before the job had begun.
    """
    files = [str(directory / name) for name in (PID, STDOUT, STDERR)]
    return ["/bin/sh", "-c", _SCRIPT, "ax_mo", *files, "" if starter is None else str(starter), *argv]


def this_process() -> int | None:
    """The pid by which a child finds this process in its own /proc entry; None on systems where it does not."""
    try:
        return os.getpid() if str(Path("/proc/self").readlink()) == str(os.getpid()) else None
    except OSError:
        return None


@dataclass(frozen=True)
class Identity:
    """``started`` in clock ticks since boot; None on systems without /proc.

    Empty texts are not known: they count as this machine's.
    """

    pid: int
    started: int | None
    host: str = ""
    boot: str = ""
    namespace: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"host {self.host} (pid {self.pid})"


class Whereabouts(StrEnum):
    """What this process can tell of another one."""

    ALIVE = "alive"
    DEAD = "dead"
    REBOOTED = "dead, if a machine of this name is this machine, which was started again since"
    ELSEWHERE = "on another machine, or in another container: nobody here can tell"


def identity(directory: Path) -> Identity | None:
    """Who ran in ``directory`` last; None when no job got so far, or nothing that can be read says so."""
    try:
        stat, *rest = _with_patience(lambda: read_text(directory / PID)).splitlines()
        host, boot, namespace, *_ = (*rest, "", "", "")
        found = replace(_parse(stat), host=host, boot=boot, namespace=namespace)
    except (OSError, ValueError, IndexError):
        return None
    return found if 0 < found.pid < _NO_PID else None  # 0 would be the group of this process


def whereabouts(process: Identity) -> Whereabouts:
    """Whether that very process still runs; a zombie, or another process with its pid, is dead."""
    here = _here()
    same_boot = bool(process.boot) and process.boot == here.boot  # whatever the machine is called by now
    if not same_boot and _differ(process.host, here.host):
        return Whereabouts.ELSEWHERE
    if _differ(process.boot, here.boot):
        return Whereabouts.REBOOTED
    if _differ(process.namespace, here.namespace):
        return Whereabouts.ELSEWHERE
    return Whereabouts.ALIVE if _runs(process) else Whereabouts.DEAD


def alive(process: Identity) -> bool:
    """Whether the process is known to run on this machine, where signals reach it."""
    return whereabouts(process) is Whereabouts.ALIVE


_GONE = (FileNotFoundError, NotADirectoryError, ProcessLookupError)


def _with_patience(read: Callable[[], str]) -> str:
    """What ``read`` returns: a file server or a full table of descriptors may keep it from that for a moment."""
    for _ in range(4):
        try:
            return read()
        except _GONE:
            raise
        except OSError:
            time.sleep(0.25)
    return read()


@cache
def _here() -> Identity:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = namespace = ""
    return Identity(os.getpid(), None, socket.gethostname(), boot, namespace)


def _differ(recorded: str, here: str) -> bool:
    return bool(recorded and here) and recorded != here


def _runs(process: Identity) -> bool:
    try:
        text = _with_patience(Path(f"/proc/{process.pid}/stat").read_text)
    except _GONE:
        return process.started is None and _answers(process.pid)
    except OSError:
        return True  # unknown is not dead
    now = _parse(text)
    return now.started == process.started and text.rpartition(")")[2].split()[0] not in ("Z", "X")


def end(processes: Sequence[Identity], patience: float = 10.0) -> None:
    """SIGTERM to each process's group, then SIGKILL to what is left of it after ``patience`` seconds.

    Only to processes of this machine: a pid of another one means somebody else here.

    A job's children count as it does: they may ignore SIGTERM, outlive the process that started them, and be in groups
    of their own, as torchrun's are, which has SIGTERM to pass on to them.
    """
    own = {process.pid for process in processes if alive(process)}
    groups = own | groups_below(own)
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for group in groups & own if number is signal.SIGTERM else groups:
            try:
                os.killpg(group, number)
                os.killpg(group, signal.SIGCONT)  # what is stopped would hear of SIGTERM when it is continued
            except (ProcessLookupError, PermissionError):
                continue
        deadline = time.monotonic() + wait
        while (groups := groups & _living_groups(groups)) and time.monotonic() < deadline:
            time.sleep(0.05)


def groups_below(groups: Set[int]) -> set[int]:
    """The other process groups of the processes that members of these have started, as far as their parents live."""
    if not groups:
        return set()
    stats = dict(_stats())
    below = {pid for pid, (_, _, group) in stats.items() if group in groups}
    while more := {pid for pid, (_, parent, _) in stats.items() if parent in below} - below:
        below |= more
    return {stats[pid][2] for pid in below} - groups


def _stats() -> Iterator[tuple[int, tuple[str, int, int]]]:
    """Of each process its state, parent and group, by pid."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        yield int(path.parent.name), (state, int(parent), int(group))


def _living_groups(groups: Set[int]) -> set[int]:
    """Those process groups that have a member which is no zombie."""
    if not Path("/proc/self/stat").exists():
        return {group for group in groups if _answers(group)}
    return {group for _, (state, _, group) in _stats() if state not in ("Z", "X")}


def _parse(stat: str) -> Identity:
    """One line of /proc/<pid>/stat, or a bare pid. The command's name may hold spaces and parentheses."""
    head, closing, rest = stat.strip().rpartition(")")
    if not closing:
        return Identity(int(stat.split()[0]), None)
    return Identity(int(head.split()[0]), int(rest.split()[19]))


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
