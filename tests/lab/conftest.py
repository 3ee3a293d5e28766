"""One running lab for the tests of a module that only look at it or change it back.

Their modules are of one `xdist_group`, and the lab ends with each: it serves real traffic, which
cost a third of the whole suite's CPU while two of them ran beside all that came after.
"""

from collections.abc import Iterator

import pytest

from tests.lab.lab_harness import RunningLab, running_lab


@pytest.fixture(scope="module")
def shop() -> Iterator[RunningLab]:
    with running_lab() as lab:
        yield lab
