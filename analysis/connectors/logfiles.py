"""Plain log files on this machine: a file, a directory, or a pattern such as `/var/log/shop/*.log`.

Only below the directories the operator allows (AIRRA_LOG_DIRS), links followed and checked. Files
are read from their end, in blocks, up to a cap, so that a huge one costs no more than a small one.
"""

import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from airra.lib import clock, deadline
from analysis.connectors.base import ConnectorError, Problem, refuse_too_many
from analysis.connectors.logfields import MAX_MESSAGE, log_line
from analysis.connectors.logtext import parse
from analysis.types import LogLine

_BLOCK = 64 * 1024
_TAIL_BYTES = 4 * 1024 * 1024
_MAX_UNPACKED = 64 * 1024 * 1024
_MAX_FILES = 500
_MAX_ENTRIES = 20_000  # of a directory, looked at for rotated files
_MAX_LINE = 64 * 1024
_WILD = re.compile(r"[*?\[]")
_DATED = re.compile(r"[.-]\d{8,}$")
_ROTATED = re.compile(r"[.-]\d+(?:\.gz)?$|\.gz$")


@dataclass(frozen=True)
class _File:
    path: Path  # resolved, inside an allowed directory
    service: str
    modified_at: float


class LogFiles:
    title = "the log files"

    def __init__(
        self,
        url: str,
        *,
        log_dirs: Sequence[Path] = (),
        timeout_s: float = 10.0,
        tail_bytes: int = _TAIL_BYTES,
        max_unpacked: int = _MAX_UNPACKED,
        max_files: int = _MAX_FILES,
    ) -> None:
        self.url = url
        self._allowed = [directory.resolve() for directory in log_dirs]
        self._timeout_s = timeout_s
        self._tail_bytes = tail_bytes
        self._max_unpacked = max_unpacked
        self._max_files = max_files

    def check(self) -> str:
        """One real read. Returns what was found, raises `ConnectorError`."""
        now = clock.now().timestamp()
        with self._reading():
            files = self._files()
            if not files:
                raise ConnectorError(Problem.MALFORMED, f"no file matches {self.url}")
            found = [line for file in files for line in islice(self._backwards(file, now), 100)]
        if not found:
            msg = (
                f"no line of {len(files)} files at {self.url} tells its time: write JSON with a "
                "`time`, logfmt with `ts=`, or start lines with 2026-01-31T12:00:00Z"
            )
            raise ConnectorError(Problem.MALFORMED, msg)
        services = {line.service for line in found}
        return f"The log files answer: {len(files)} files, lines of {len(services)} services"

    def lines(
        self, *, start: float, end: float, service: str = "", limit: int = 2000
    ) -> list[LogLine]:
        """The newest `limit` lines of [start, end), oldest first. Times in Unix seconds.

        Of each file the last 4 MiB are looked at. A line without a time belongs to the one before
        it; one that no newline has ended yet is left for the next read.
        """
        found: list[LogLine] = []
        with self._reading():
            for file in self._files():
                if file.modified_at >= start:
                    found.extend(islice(self._between(file, start, end, service), limit))
        return sorted(found, key=lambda line: line.at)[-limit:] if limit > 0 else []

    def _between(self, file: _File, start: float, end: float, service: str) -> Iterator[LogLine]:
        for line in self._backwards(file, clock.now().timestamp()):
            if line.at < start:
                return
            if line.at < end and service in {"", line.service}:
                yield line

    def _backwards(self, file: _File, now: float) -> Iterator[LogLine]:
        """Lines that tell their time, the newest first, each with what follows it untimed."""
        below: list[str] = []
        for text in self._texts(file):
            parsed = parse(text, now=now)
            if parsed.at is None:
                below.append(text)
                del below[:-50]
                continue
            line = log_line(parsed.at, parsed.message, parsed.fields, {})
            message = "\n".join([line.message, *reversed(below)])[:MAX_MESSAGE]
            yield replace(line, message=message, service=line.service or file.service)
            below.clear()

    def _texts(self, file: _File) -> Iterator[str]:
        """Ended lines of the last bytes of a file, the newest first."""
        rest, is_ended = b"", False
        for block, is_first in self._blocks(file):
            if deadline.left() == 0:
                msg = f"{self.url} could not be read within {self._timeout_s:g} s"
                raise ConnectorError(Problem.TIMEOUT, msg)
            pieces = (block + rest).split(b"\n")
            if not is_ended and len(pieces) > 1:
                pieces.pop()  # still being written
                is_ended = True
            rest = pieces.pop(0) if pieces and not is_first else b""
            if is_ended:
                yield from (_text(piece) for piece in reversed(pieces) if piece.strip())

    def _blocks(self, file: _File) -> Iterator[tuple[bytes, bool]]:
        """The last bytes of a file, the newest block first; whether a block is the file's first."""
        with _opened(file.path) as handle:
            if file.path.suffix == ".gz":
                tail, is_whole = self._unpacked_tail(handle)
                yield tail, is_whole
                return
            end = handle.seek(0, os.SEEK_END)
            floor = max(end - self._tail_bytes, 0)
            while end > floor:
                start = max(end - _BLOCK, floor)
                handle.seek(start)
                yield handle.read(end - start), start == 0
                end = start

    def _unpacked_tail(self, handle: BinaryIO) -> tuple[bytes, bool]:
        """What a packed file ends in; it can only be read from its beginning."""
        tail, size = bytearray(), 0
        with gzip.GzipFile(fileobj=handle) as unpacked:
            while block := unpacked.read(_BLOCK):
                size += len(block)
                if size > self._max_unpacked:
                    msg = f"a packed file at {self.url} holds more than {self._max_unpacked} bytes"
                    raise ConnectorError(Problem.TOO_LARGE, f"{msg}: narrow it by a pattern")
                tail += block
                if len(tail) > 2 * self._tail_bytes:
                    del tail[: -self._tail_bytes]
        return bytes(tail[-self._tail_bytes :]), size <= self._tail_bytes

    def _files(self) -> list[_File]:
        """What the pattern names, and what was rotated away from it; regular files only."""
        root, pattern = self._place()
        if not pattern and root.is_dir():
            pattern = "*"
        found = list(islice(root.glob(pattern), self._max_files + 1)) if pattern else [root]
        names = {(path.parent, path.name) for path in found}
        for parent in {path.parent for path in found}:
            found += [
                p
                for p in islice(parent.iterdir(), _MAX_ENTRIES)
                if (parent, _ROTATED.sub("", p.name)) in names
            ]
        resolved = {path.resolve(): path for path in found}
        refuse_too_many("files", len(resolved), self._max_files, "a pattern")
        for real, path in resolved.items():
            self._refuse_outside(real, path)
        files = [
            _File(r, _service(p.name), r.stat().st_mtime)
            for r, p in resolved.items()
            if r.is_file()
        ]
        return sorted(files, key=lambda file: -file.modified_at)

    def _place(self) -> tuple[Path, str]:
        """The directory (or file) without wildcards, and the pattern below it."""
        text = unquote(self.url.removeprefix("file://")) if ":" in self.url else self.url
        path = Path(text)
        if not path.is_absolute() or ".." in path.parts or "**" in text or "\0" in text:
            msg = f"{self.url}: give an absolute path, such as file:///var/log/shop/*.log"
            raise ConnectorError(Problem.REJECTED, msg)
        parts = path.parts
        fixed = next((i for i, part in enumerate(parts) if _WILD.search(part)), len(parts))
        root = Path(*parts[:fixed])
        self._refuse_outside(root.resolve(), root)
        return root, "/".join(parts[fixed:])

    def _refuse_outside(self, resolved: Path, path: Path) -> None:
        if not any(resolved.is_relative_to(directory) for directory in self._allowed):
            msg = f"{path} leads out of the directories that AIRRA_LOG_DIRS allows"
            raise ConnectorError(Problem.DENIED, msg)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One read; whatever goes wrong with the files comes out as a `ConnectorError`."""
        try:
            with deadline.within(self._timeout_s):
                yield
        except PermissionError as error:
            msg = f"AIRRA's user may not read {error.filename}"
            raise ConnectorError(Problem.DENIED, msg) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            msg = f"a packed file at {self.url} is broken: {error}"
            raise ConnectorError(Problem.MALFORMED, msg) from error
        except OSError as error:
            msg = f"{error.filename or self.url} cannot be read: {error.strerror}"
            raise ConnectorError(Problem.UNAVAILABLE, msg) from error


def _service(name: str) -> str:
    """payments, of payments.log, payments.log.1, payments.log-20260131.gz."""
    bare = _ROTATED.sub("", name)
    return _DATED.sub("", bare.rpartition(".")[0] or bare)


def _text(piece: bytes) -> str:
    return piece[:_MAX_LINE].decode(errors="replace").replace("\0", "").rstrip("\r")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file. Never waits at a pipe, never follows a link put there meanwhile."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(path, flags), "rb") as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            msg = f"{path} is no regular file"
            raise ConnectorError(Problem.REJECTED, msg)
        yield handle
