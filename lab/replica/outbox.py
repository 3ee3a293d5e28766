"""What a child process tells its supervisor: tagged lines on stdout, a few times a second.

The tags: `R` ready, `L` log line, `S` span, `X` statistics. Writing in batches keeps a dozen
processes from waking the supervisor for every request.
"""

import os
from typing import Final

READY: Final = "R"
LOG: Final = "L"
SPAN: Final = "S"
STATS: Final = "X"
FLUSH_INTERVAL_S: Final = 0.25
_STDOUT: Final = 1


class Outbox:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def put(self, tag: str, text: str) -> None:
        self._lines.append(f"{tag} {text}\n")

    def flush(self) -> None:
        """Write out everything; must be called before the process ends itself."""
        if not self._lines:
            return
        payload = memoryview("".join(self._lines).encode())
        self._lines.clear()
        while payload:
            try:
                payload = payload[os.write(_STDOUT, payload) :]
            except BrokenPipeError:
                return
