"""Two endpoints may know one service; the one that can do the action is asked."""

from collections.abc import Iterator

import pytest

from remediation.commands.acting.endpoint import find, that_know
from remediation.execution.base import ExecutorError, UnknownService
from remediation.models import ActionEndpoint
from tests.contract.executors.rig_script import SignedScript
from tests.integration.remediation.conftest import World


@pytest.fixture
def scripts(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[ActionEndpoint]:
    monkeypatch.setenv("AIRRA_SECRET_SCRIPTS", "of-the-script")
    with SignedScript() as rig:
        yield ActionEndpoint.objects.create(
            workspace=world.workspace,
            name="a-scripts",
            kind="script",
            url=f"file://{rig.directory}",
            secret_ref="scripts",
            options={"public_key": rig.public_key, "services": {"payments": ["set_limit"]}},
        )


def test_the_endpoint_that_can_is_found(world: World, scripts: ActionEndpoint) -> None:
    assert find(world.workspace, "payments", "run_script")[0] == scripts
    assert find(world.workspace, "payments", "restart")[0] == world.endpoint
    assert find(world.workspace, "checkout", "restart")[0] == world.endpoint
    known = [endpoint for endpoint, _ in that_know(world.workspace, "payments")]
    assert known == [scripts, world.endpoint]
    with pytest.raises(ExecutorError, match="drain of payments is possible on none of: a-scripts"):
        find(world.workspace, "payments", "drain")
    with pytest.raises(UnknownService, match=r"a-scripts: .*; "):
        find(world.workspace, "orders", "restart")


def test_what_the_first_cannot_help_with_the_next_may(
    world: World, scripts: ActionEndpoint
) -> None:
    """No explanation leads to a script by itself, so the plan comes from the other endpoint."""
    assert world.planned().endpoint == world.endpoint
