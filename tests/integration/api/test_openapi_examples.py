"""The OpenAPI document holds: whatever a client makes of it, no answer is a 5xx."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from airra.api import api
from airra.wsgi import application
from incidents.commands.integration import create_integration
from incidents.models import Delivery, GroupingRule, Incident, RuleTrial
from tests.factories import incidents as make
from tests.factories import remediation as story

pytestmark = [
    pytest.mark.django_db,
    # Of the library: what it imports, and how it makes up strategies.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

EXAMPLES = 8  # of each operation, well-formed and ill-formed: the same ones every time
SCHEMA = schemathesis.openapi.from_dict(api.get_openapi_schema())
SCHEMA.app = application
SCHEMA.config.update(base_url="http://localhost")
OPERATIONS: list[Any] = [found.ok() for found in SCHEMA.get_all_operations()]  # type: ignore[union-attr]  # our own document is valid
unhurried = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # the first that fails says enough, and shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def kept_connection(db: None) -> Iterator[None]:
    """As Django's own test client: the end of a request does not close what the test is in."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _intake(about: Incident) -> dict[str, str]:
    """What stands in the addresses of intake: of each a row that is there."""
    here = about.workspace
    sender, _ = create_integration(workspace=here, name="scripts", kind="generic", by=None)
    refused = Delivery.objects.create(
        integration=sender, identity="1", body=b"[]", state=Delivery.State.REFUSED, error="no"
    )
    rule = GroupingRule.objects.create(workspace=here, name="r", group_by=["region"])
    draft = {"name": "r", "group_by": ["region"]}
    rows = {
        "alert_id": make.alert(about),
        "delivery_id": refused,
        "integration_id": sender,
        "silence_id": make.silence(),
        "rule_id": rule,
        "trial_id": RuleTrial.objects.create(workspace=here, days=1, draft=draft),
    }
    return {name: str(row.pk) for name, row in rows.items()}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_answer_is_our_fault(
    operation: Any, mode: GenerationMode, admin_user: User, token_for: Callable[[User], str]
) -> None:
    about = story.with_story()
    rows = {"key": about.key, **_intake(about)}
    codes: set[int] = set()
    headers = {"Authorization": f"Bearer {token_for(admin_user)}", "Host": "localhost"}

    @unhurried
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            found = {name: rows[name] for name in case.path_parameters or {} if name in rows}
            (case.path_parameters or {}).update(found)
        with transaction.atomic():
            answer = case.call(headers=headers)
            transaction.set_rollback(True)
        assert answer.status_code < 500, case.as_curl_command()
        codes.add(answer.status_code)

    try_one()
    assert codes, "it was asked"
    assert codes - {401}, "with a token, but for those it was made up without"
