"""What a module of rigs has started for all tests of a run ends with the run."""

from collections.abc import Iterator

import pytest

from tests.contract.executors import rig_docker, rig_webhook


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_run() -> Iterator[None]:
    yield
    rig_webhook.stop_lab()
    rig_docker.stop_dockerd()
