"""Seconds that can be compared with each other in one process."""

import gc
import time
from collections.abc import Callable


def seconds(call: Callable[[], object], rounds: int = 3) -> float:
    """The CPU seconds that this thread needs for the call: the least of some rounds, without the garbage
    collector, whose look at everything that other tests left behind can take longer than the call."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        return min(_once(call) for _ in range(rounds))
    finally:
        if was_on:
            gc.enable()


def _once(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
