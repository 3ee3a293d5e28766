"""Becomes a runbook script, after it has tied its own hands. Run by path, imports nothing of AIRRA.

usage: launch.py LIMITS SCRIPT VERB    LIMITS: {"deadline": unix s, "limit_s": s, "memory_mb": MiB}

What is set here stays set across exec, and for whatever the script starts.
"""

import ctypes
import json
import math
import os
import resource
import signal
import sys
import time

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_TOO_LATE = 4  # as a script that refuses
_MIB = 1024 * 1024


def main() -> None:
    limits, script, verb = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # no setuid program gives it more
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # it does not outlive the executor
    whole_s = max(1, math.ceil(limits["limit_s"]))
    memory = limits["memory_mb"] * _MIB
    for which, most in (
        (resource.RLIMIT_CPU, whole_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 64 * _MIB),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (most, most))
    signal.alarm(whole_s + 1)  # even when the executor itself is held up
    if time.time() >= limits["deadline"]:
        sys.stderr.write("too late: the lease was over before it began\n")
        sys.exit(_TOO_LATE)
    os.execv(script, [script, verb])  # noqa: S606 - no shell is the point; its bytes are signed


if __name__ == "__main__":
    main()
