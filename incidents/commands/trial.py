"""A test alert: a body of the sender's own format, proven with its own secret, let in at its door.

It goes the whole way of a delivery and opens a real incident, whose end is asked for as well.
"""

import secrets
from datetime import UTC, datetime

from django.contrib.auth.models import User

from airra.lib import clock
from incidents.commands import audit, delivery
from incidents.commands.delivery import Receipt
from incidents.commands.proving import Envelope, held_by
from incidents.ingest.samples import TESTABLE, Asked, Sample, sample
from incidents.ingest.trust.judge import SNS
from incidents.ingest.trust.signing import signed
from incidents.models import Delivery, Integration
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.queries.deliveries import TEST_MARK


class CannotTry(Exception):
    """No test can be sent; the message says why."""


def fire(*, integration: Integration, by: User) -> Receipt:
    """Let a test alert in. Raises `CannotTry` for a sender of changes."""
    began = clock.now().replace(microsecond=0)
    mark = f"airra-test-{int(began.timestamp())}-{secrets.token_hex(8)}"
    return _send(integration, mark, Asked(mark, began, mapping=integration.mapping), by)


def end(*, fired: Delivery, by: User) -> Receipt:
    """Let the end of a test in. Raises `CannotTry` when the delivery is no test."""
    integration = fired.integration
    mark = str(fired.headers.get(TEST_MARK, ""))
    if not mark:
        msg = "this delivery is no test"
        raise CannotTry(msg)
    began = datetime.fromtimestamp(int(mark.split("-")[2]), tz=UTC)
    asked = Asked(mark, began, clock.now().replace(microsecond=0), mapping=integration.mapping)
    return _send(integration, mark, asked, by)


def _send(integration: Integration, mark: str, asked: Asked, by: User) -> Receipt:
    require(by, Permission.RESPOND, integration.workspace)
    if integration.kind not in TESTABLE:
        msg = f"{integration.get_kind_display()} brings no alerts"
        raise CannotTry(msg)
    if not integration.is_active:
        msg = f"{integration.name} is paused"
        raise CannotTry(msg)
    made = sample(integration.kind, asked)
    after = {"mark": mark, "is_over": asked.is_over}
    audit.record("integration.tested", target=integration, by=by, after=after)
    envelope = _envelope(integration, made, mark, asked.at)
    return delivery.receive(integration=integration, body=made.body, envelope=envelope)


def _envelope(integration: Integration, made: Sample, mark: str, at: datetime) -> Envelope:
    """What would prove it: the key that signs, else a token. Nobody but AWS can sign for SNS."""
    held = [secret for secret in held_by(integration) if secret.holds_at(clock.now())]
    key = next((secret.key for secret in held if secret.key), b"")
    token = next((secret.mark for secret in held if secret.mark), "")
    proof = signed(integration.kind, key, made.body, at=at) if key else {}
    return Envelope(
        content_type=made.content_type,
        headers={**made.headers, **proof, TEST_MARK: mark},
        channel=made.channel,
        token_mark=None if integration.kind == SNS else token,
    )
