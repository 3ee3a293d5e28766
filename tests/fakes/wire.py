"""Stands between an executor and a target that speaks over a plain stream, and spoils its effects.

It passes bytes on as they come. The first piece from the executor that holds one of `effects` can
be held while something else happens, kept from the target, or passed on without an answer.
"""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.spoiler import Spoiler


class Wire(Spoiler):
    """`with Wire(upstream, effects) as between:` listens in place of `upstream`.

    `upstream` is (host, port) or the path of a Unix socket; a path is served at `path`.
    """

    def __init__(
        self, upstream: tuple[str, int] | Path, effects: tuple[bytes, ...], path: Path | None = None
    ) -> None:
        super().__init__()
        self.upstream = upstream
        self.effects = effects
        self._open: list[socket.socket] = []
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = int(self._listener.getsockname()[1])
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sock in [self._listener, *self._open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(
                socket.AF_UNIX if isinstance(self.upstream, Path) else socket.AF_INET
            )
            try:
                far.connect(
                    str(self.upstream) if isinstance(self.upstream, Path) else self.upstream
                )
            except OSError:
                near.close()
                far.close()
                continue
            self._open += [near, far]
            is_mute = threading.Event()
            for target, args in (
                (self._out, (near, far, is_mute)),
                (self._back, (far, near, is_mute)),
            ):
                threading.Thread(target=target, args=args, daemon=True).start()

    def _out(self, near: socket.socket, far: socket.socket, is_mute: threading.Event) -> None:
        with suppress(OSError):
            while piece := near.recv(65536):
                if any(effect in piece for effect in self.effects):
                    self.do_first()
                    if self.loses:
                        is_mute.set()
                    if self.loses == "before":
                        continue
                far.sendall(piece)
        with suppress(OSError):
            far.shutdown(socket.SHUT_WR)

    def _back(self, far: socket.socket, near: socket.socket, is_mute: threading.Event) -> None:
        with suppress(OSError):
            while piece := far.recv(65536):
                if is_mute.is_set():
                    self.acted.set()
                else:
                    near.sendall(piece)
        with suppress(OSError):
            if not is_mute.is_set():
                near.shutdown(socket.SHUT_WR)
