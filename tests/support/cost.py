"""What a call costs, in a measure that is the same on every machine however busy it is."""

import sys
from collections.abc import Callable
from types import FrameType


def bytecodes(call: Callable[[], object]) -> int:
    """How many instructions of Python's the call runs; those of C count nothing."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Callable[..., object]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
