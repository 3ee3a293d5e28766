"""A spool directory with a quota: real files, and a real ENOSPC when the quota is used up."""

import errno
import os
import shutil
from collections import deque
from pathlib import Path
from typing import Final

KEPT_FILES: Final = 100


class Spool:
    """Starts empty, whatever an earlier process left, and keeps only the newest small files."""

    def __init__(self, directory: Path, *, quota: int) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self._directory = directory
        self._kept: deque[tuple[Path, int]] = deque()
        self.quota = quota
        self.used = 0

    def write(self, name: str, content: bytes) -> None:
        """Keep a file, then drop the oldest. Raises OSError ENOSPC when the quota is used up."""
        self._kept.append((self._put(name, content), len(content)))
        while len(self._kept) > KEPT_FILES:
            path, size = self._kept.popleft()
            path.unlink(missing_ok=True)
            self.used -= size

    def write_forever(self, name: str, content: bytes) -> None:
        """Write a file that no rotation removes. Raises OSError ENOSPC like `write`."""
        self._put(name, content)

    def _put(self, name: str, content: bytes) -> Path:
        if self.used + len(content) > self.quota:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path = self._directory / name
        path.write_bytes(content)
        self.used += len(content)
        return path
