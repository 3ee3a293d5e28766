"""What can be spoilt between an executor and its target, over whatever the two speak."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Spoiler:
    """The next effect loses its answer, or comes after something else. Subclasses pass it on."""

    def __init__(self) -> None:
        self.loses = ""  # "before" or "after" the target acts, or nothing
        self.first: Callable[[], None] | None = None  # done before the next effect is passed on
        self.acted = threading.Event()  # the target has done what nobody hears of

    @contextmanager
    def losing(self, *, done: bool) -> Iterator[None]:
        """Nobody is answered inside; with `done`, the block ends when the target has acted."""
        self.loses = "after" if done else "before"
        self.acted.clear()
        try:
            yield
            assert not done or self.acted.wait(30)
        finally:
            self.loses = ""

    @contextmanager
    def late(self, act: Callable[[], None]) -> Iterator[None]:
        """`act` is done after the executor's last look and before its effect arrives."""
        self.first = act
        try:
            yield
        finally:
            self.first = None

    def do_first(self) -> None:
        first, self.first = self.first, None
        if first is not None:
            first()
