"""How the suite is dealt out to its processes: a few tests of one file at a time.

xdist deals out what is of no group one by one, and at each counts all that it dealt out before: of
eight thousand tests a third of what its own process computes. And what a module makes once, each
process then makes.
"""

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped] # xdist has no types
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped] # nor here

SIZE = 8  # few enough that no process waits long for the last portion of another


class Portions(LoadGroupScheduling):  # type: ignore[misc] # its base has none
    """A group stays whole; of the rest, eight neighbours go together, and all in their order.

    pytest-django puts last what empties the database: it must not come before what reads it.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._portion: dict[str, str] = {}
        self._path, self._dealt = "", 0

    def _split_scope(self, nodeid: str) -> str:
        if nodeid not in self._portion:
            group = super()._split_scope(nodeid)
            self._portion[nodeid] = group if group != nodeid else self._next(nodeid)
        return self._portion[nodeid]

    def _next(self, nodeid: str) -> str:
        """The portion of a test, asked for in the order in which they were collected."""
        path = nodeid.partition("::")[0]
        if path != self._path:
            self._dealt += -self._dealt % SIZE  # the next file begins the next portion
        self._path = path
        self._dealt += 1
        return f"portion {(self._dealt - 1) // SIZE}"
