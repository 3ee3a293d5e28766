"""Changes that senders tell AIRRA about are evidence as those of any source are."""

from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.commands.collect import Tools
from analysis.models import Connector
from analysis.types import ChangeFact, EvidenceStatus, IncidentContext
from incidents.models import ChangeEvent, Integration
from tests.factories import incidents as make
from tests.integration.analysis.conftest import NOON, Watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def tools(watch: Watch) -> Tools:
    """Two minutes into an incident of checkout; no source of changes is connected."""
    watch.wait(120)
    ctx = IncidentContext(
        key="INC-1",
        title="checkout: errors",
        service="checkout",
        severity="high",
        started_at=NOON.timestamp(),
        now=clock.now().timestamp(),
        services=("checkout", "payments"),
        edges=(),
    )
    return Tools(watch.workspace, ctx)


def _told(watch: Watch, *, minutes_before: float, service: str = "checkout") -> ChangeEvent:
    sender, _ = Integration.objects.get_or_create(
        workspace=watch.workspace, name="pipeline", kind=Integration.Kind.CHANGES
    )
    return ChangeEvent.objects.create(
        workspace=watch.workspace,
        integration=sender,
        dedup_key=f"{service}-{minutes_before}",
        at=NOON - timedelta(minutes=minutes_before),
        kind="deploy",
        service=make.service(service, place=watch.workspace),
        title="Deploy 7",
        actor="ci",
        before="6",
        after="7",
        revision="abc",
    )


def test_a_change_that_was_told_is_a_fact(watch: Watch, tools: Tools) -> None:
    _told(watch, minutes_before=5)
    _told(watch, minutes_before=60 * 24 * 30)
    draft = tools.run("list_changes", {})
    (fact,) = draft.facts
    assert isinstance(fact, ChangeFact)
    assert (fact.entity, fact.change, fact.before, fact.after) == ("checkout", "deploy", "6", "7")
    assert (draft.status, draft.source) == (EvidenceStatus.OK, "pipeline")


def test_it_stands_beside_those_of_a_source(watch: Watch, tools: Tools) -> None:
    _told(watch, minutes_before=5, service="payments")
    Connector.objects.create(
        workspace=watch.workspace, name="feed", kind="changes", url=watch.fake.url
    )
    draft = tools.run("list_changes", {})
    assert draft.source == "feed + pipeline"
    assert draft.status == EvidenceStatus.OK


def test_a_source_that_fails_makes_them_partial(watch: Watch, tools: Tools) -> None:
    _told(watch, minutes_before=5)
    Connector.objects.create(
        workspace=watch.workspace, name="gone", kind="changes", url="http://127.0.0.1:9"
    )
    draft = tools.run("list_changes", {})
    assert draft.status == EvidenceStatus.PARTIAL
    assert len(draft.facts) == 1


def test_a_sender_that_told_of_nothing_is_an_answer(watch: Watch, tools: Tools) -> None:
    """Nothing changed, as far as whoever would have told us knows."""
    Integration.objects.create(workspace=watch.workspace, name="gh", kind="github")
    assert tools.run("list_changes", {}).status == EvidenceStatus.EMPTY
    Integration.objects.update(is_active=False)
    assert tools.run("list_changes", {}).status == EvidenceStatus.ERROR


def test_what_was_told_elsewhere_is_not_read(watch: Watch, tools: Tools) -> None:
    event = _told(watch, minutes_before=5)
    there = make.workspace("elsewhere")
    ChangeEvent.objects.filter(pk=event.pk).update(workspace=there)
    Integration.objects.update(workspace=there)
    assert not tools.run("list_changes", {}).facts
