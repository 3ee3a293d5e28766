"""What can go wrong inside a process. All of it lives in memory, so a restart ends it."""

import asyncio
import re
import threading
import time
from typing import Final

from lab.replica.runtime import Runtime

LEAK_BYTES: Final = 512 * 1024
LEAK_INTERVAL_S: Final = 0.5
POOL_LEAK_RATIO: Final = 0.5
DUMP_BYTES: Final = 1024 * 1024
DUMP_INTERVAL_S: Final = 0.6
BURN_SHARE: Final = 0.42
BURN_BURST_S: Final = 0.06
_GREEDY: Final = re.compile(r"^(?:a+)+$")


def start(runtime: Runtime, kind: str, *, pace: float = 1.0) -> None:
    """Begin to go wrong, at `pace` times the usual speed where it creeps.

    Raises KeyError for an unknown kind.
    """
    if kind in _CREEPING:
        _CREEPING[kind](runtime, pace)
    else:
        _KINDS[kind](runtime)


def _leak_memory(runtime: Runtime, pace: float) -> None:
    runtime.spawn(_grow(runtime, LEAK_INTERVAL_S / pace))


async def _grow(runtime: Runtime, every_s: float) -> None:
    settled: list[bytes] = []
    while True:
        settled.append(runtime.rng.randbytes(64) * (LEAK_BYTES // 64))
        await asyncio.sleep(every_s)


def _leak_connections(runtime: Runtime) -> None:
    if runtime.pool is not None:
        runtime.pool.leaks = lambda: runtime.rng.random() < POOL_LEAK_RATIO


def _fill_disk(runtime: Runtime, pace: float) -> None:
    runtime.spawn(_dump(runtime, DUMP_INTERVAL_S / pace))


async def _dump(runtime: Runtime, every_s: float) -> None:
    written = 0
    while True:
        await asyncio.sleep(every_s)
        # When no whole dump fits any more, small change uses up the rest.
        size = DUMP_BYTES if runtime.spool.used + DUMP_BYTES <= runtime.spool.quota else 512
        try:
            while runtime.spool.used + size <= runtime.spool.quota:
                runtime.spool.write_forever(f"settlement-{written}.dump", b"\0" * size)
                written += 1
                if size == DUMP_BYTES:
                    break
        except OSError as exc:
            runtime.journal.error("settlement", f"dump not written: OSError: {exc}")


def _burn_cpu(_runtime: Runtime) -> None:
    threading.Thread(target=_backtrack, daemon=True).start()


def _backtrack() -> None:
    # A regular expression that backtracks holds the interpreter lock for its whole run, so
    # requests of this process really wait; the subject is grown until one run is long enough.
    # Counted in CPU time, so that a busy machine does not make the burn smaller.
    subject = "a" * 12
    while True:
        began, cpu_began = time.perf_counter(), time.thread_time()
        _GREEDY.match(subject + "b")
        burst_s = time.thread_time() - cpu_began
        if burst_s < BURN_BURST_S:
            subject += "a"
        elif burst_s > BURN_BURST_S * 3:
            subject = subject[1:]
        pause_s = burst_s / BURN_SHARE - (time.perf_counter() - began)
        time.sleep(max(pause_s, burst_s / 4))


def _hang(runtime: Runtime) -> None:
    runtime.is_hanging = True


def _answer_again(runtime: Runtime) -> None:
    runtime.is_hanging = False


_CREEPING: Final = {"leak-memory": _leak_memory, "fill-disk": _fill_disk}
_KINDS: Final = {
    "leak-connections": _leak_connections,
    "burn-cpu": _burn_cpu,
    "hang": _hang,
    "answer": _answer_again,
}
