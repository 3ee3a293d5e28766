"""One running lab for all tests that only look at it or change it back."""

from collections.abc import Iterator

import pytest

from tests.lab.lab_harness import RunningLab, running_lab


@pytest.fixture(scope="session")
def shop() -> Iterator[RunningLab]:
    with running_lab() as lab:
        yield lab
