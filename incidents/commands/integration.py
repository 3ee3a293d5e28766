"""Senders and what proves them: made, changed, given new secrets, switched off.

A token or a key that AIRRA makes up is returned once. Replacing one lets the old one hold for some
hours more, so that a sender can be changed without a gap.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from airra.lib import clock
from airra.lib.sealed import seal
from incidents.commands import audit
from incidents.commands.access import Secret, digest_of, new_secret
from incidents.ingest.alerts import Malformed
from incidents.ingest.guides import GUIDES, Proof
from incidents.ingest.mapping import checked
from incidents.ingest.trust import judge
from incidents.models import Integration, IntegrationSecret, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require

Kind = Integration.Kind
Use = IntegrationSecret.Use
SIGNABLE, WITHOUT_TOKEN = judge.SIGNABLE, judge.WITHOUT_TOKEN

CHANGEABLE = (
    "name", "mapping", "topics", "rate_per_min", "max_body_kib", "heartbeat_min", "is_active",
)  # fmt: skip
MAX_BODY_KIB = 4096
MAX_OVERLAP_H = 24 * 30
MIN_KEY = 8


class BadSetting(ValueError):
    """A setting of a sender cannot be used; `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@transaction.atomic
def create_integration(
    *,
    workspace: Workspace,
    name: str,
    kind: str,
    by: User | None,
    token: str = "",
    topics: Sequence[str] = (),
) -> tuple[Integration, str]:
    """A sender with its own secret, returned once. `token` lets a set-up script choose it.

    What is returned depends on the kind: a token (for Events v2 senders, the routing key); for
    GitHub the key that signs; nothing where the key is made by the sender (PagerDuty, Sentry: call
    `set_signing_key`) or there is none (SNS: its topics count).
    """
    if by is not None:
        require(by, Permission.ADMINISTER, workspace)
    if kind not in Kind.values:
        msg = f"{kind[:40]!r} is no kind of sender"
        raise BadSetting("kind", msg)
    integration = Integration(
        workspace=workspace, name=name, kind=kind, topics=_checked_topics(topics)
    )
    _save(integration)
    text = ""
    if kind == Kind.GITHUB:
        text = secrets.token_urlsafe(32)
        _add_key(integration, text)
    elif kind not in WITHOUT_TOKEN:
        text = _add_token(integration, token)
    audit.record("integration.created", target=integration, by=by, after={"kind": str(kind)})
    return integration, text


@transaction.atomic
def set_up(
    *, workspace: Workspace, name: str, kind: str, by: User, **settings: Any
) -> tuple[Integration, str]:
    """As `create_integration`, with all of its settings, or nothing. Raises `BadSetting`."""
    topics = settings.pop("topics", ())
    if kind == Kind.CLOUDWATCH_SNS and not topics:
        msg = "name the ARN of each topic that may deliver: any other is refused"
        raise BadSetting("topics", msg)
    made, secret = create_integration(
        workspace=workspace, name=name, kind=kind, topics=topics, by=by
    )
    return change(integration=made, by=by, **settings), secret


@transaction.atomic
def change(*, integration: Integration, by: User, **to: Any) -> Integration:
    """Set some of `CHANGEABLE`. Raises `BadSetting`."""
    require(by, Permission.ADMINISTER, integration.workspace)
    unknown = set(to) - set(CHANGEABLE)
    if unknown:
        msg = f"cannot be changed: {', '.join(sorted(unknown))}"
        raise BadSetting(min(unknown), msg)
    _check(to)
    before = {name: getattr(integration, name) for name in to}
    for name, value in to.items():
        setattr(integration, name, value)
    _save(integration, fields=list(to))
    audit.record("integration.changed", target=integration, by=by, before=before, after=to)
    return integration


@transaction.atomic
def rotate_token(*, integration: Integration, by: User, overlap_h: float = 24) -> str:
    """A new token, returned once; those before it hold for `overlap_h` hours more."""
    require(by, Permission.ADMINISTER, integration.workspace)
    if integration.kind in WITHOUT_TOKEN:
        msg = f"{integration.get_kind_display()} sends no token"
        raise BadSetting("kind", msg)
    until = _end_of_overlap(overlap_h)
    _let_run_out(integration, Use.TOKEN, until)
    text = _add_token(integration)
    audit.record(
        "integration.token_rotated", target=integration, by=by, after={"old_until": str(until)}
    )
    return text


@transaction.atomic
def set_signing_key(
    *, integration: Integration, by: User, key: str = "", overlap_h: float = 24
) -> str:
    """Check signatures with this key from now on; those before it hold for `overlap_h` more.

    Without `key` one is made up. The key is returned, to be shown once. From here on, what is not
    signed is not trusted.
    """
    require(by, Permission.ADMINISTER, integration.workspace)
    if integration.kind not in SIGNABLE:
        msg = f"{integration.get_kind_display()} does not sign with a key"
        raise BadSetting("kind", msg)
    if not key.strip() and GUIDES[integration.kind].proof is Proof.THEIR_KEY:
        msg = "give the key as the sender shows it: it makes its own"
        raise BadSetting("key", msg)
    text = key.strip() or secrets.token_urlsafe(32)
    if len(text) < MIN_KEY:
        msg = f"a signing key has at least {MIN_KEY} characters"
        raise BadSetting("key", msg)
    until = _end_of_overlap(overlap_h)
    _let_run_out(integration, Use.SIGNING, until)
    _add_key(integration, text)
    audit.record(
        "integration.signing_key_set", target=integration, by=by, after={"old_until": str(until)}
    )
    return text


@transaction.atomic
def revoke_secret(*, secret: IntegrationSecret, by: User) -> None:
    """What is proven with this secret is not trusted any more, from now on."""
    require(by, Permission.ADMINISTER, secret.integration.workspace)
    IntegrationSecret.objects.filter(pk=secret.pk).update(expires_at=clock.now())
    audit.record(
        "integration.secret_revoked",
        target=secret.integration,
        by=by,
        before={"use": secret.use, "prefix": secret.prefix, "made": str(secret.created_at)},
    )


def _save(integration: Integration, *, fields: list[str] | None = None) -> None:
    """Raises `BadSetting` when another sender of the workspace has the name."""
    try:
        with transaction.atomic():
            integration.save(update_fields=fields)
    except IntegrityError as error:
        msg = f"another sender of this workspace is named {integration.name[:100]}"
        raise BadSetting("name", msg) from error


def _add_token(integration: Integration, chosen: str = "") -> str:
    secret = _fresh_token(integration.kind, chosen)
    IntegrationSecret.objects.create(
        integration=integration,
        use=Use.TOKEN,
        digest=secret.digest,
        prefix=secret.prefix,
        created_at=clock.now(),
    )
    return secret.text


def _fresh_token(kind: str, chosen: str) -> Secret:
    if chosen:
        return Secret(chosen, digest_of(chosen), chosen[: min(12, len(chosen) // 4)])
    if kind == Kind.PAGERDUTY_EVENTS:  # senders check that a routing key has 32 characters
        text = secrets.token_hex(16)
        return Secret(text, digest_of(text), text[:4])
    return new_secret("in")


def _add_key(integration: Integration, text: str) -> None:
    IntegrationSecret.objects.create(
        integration=integration,
        use=Use.SIGNING,
        sealed=seal(text.encode()),
        created_at=clock.now(),
    )


def _let_run_out(integration: Integration, use: str, until: datetime) -> None:
    held = integration.secrets.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=until), use=use)
    held.update(expires_at=until)


def _end_of_overlap(hours: float) -> datetime:
    if not 0 <= hours <= MAX_OVERLAP_H:
        msg = f"from 0 to {MAX_OVERLAP_H} hours"
        raise BadSetting("overlap_h", msg)
    return clock.now() + timedelta(hours=hours)


def _checked_topics(topics: object) -> list[str]:
    if not isinstance(topics, list | tuple):
        msg = "a list of topic ARNs"
        raise BadSetting("topics", msg)
    for topic in topics:
        if not (isinstance(topic, str) and topic.startswith("arn:") and ":sns:" in topic):
            msg = f"{str(topic)[:80]!r} is no ARN of an SNS topic (arn:aws:sns:region:account:name)"
            raise BadSetting("topics", msg)
    return list(topics)


def _check_mapping(mapping: object) -> None:
    try:
        checked(mapping)
    except Malformed as wrong:
        raise BadSetting("mapping", str(wrong)) from wrong


def _check(to: dict[str, Any]) -> None:
    """Raises `BadSetting` for the first value that cannot be used."""
    if "topics" in to:
        to["topics"] = _checked_topics(to["topics"])
    _check_mapping(to.get("mapping", {}))
    if not str(to.get("name", "x")).strip():
        msg = "a name"
        raise BadSetting("name", msg)
    for field, most in (("rate_per_min", 1_000_000), ("max_body_kib", MAX_BODY_KIB)):
        if not 1 <= int(to.get(field, 1)) <= most:
            msg = f"from 1 to {most}"
            raise BadSetting(field, msg)
    heartbeat = to.get("heartbeat_min")
    if heartbeat is not None and not 1 <= int(heartbeat) <= 60 * 24 * 31:
        msg = "minutes, at most a month; nothing when its silence is no news"
        raise BadSetting("heartbeat_min", msg)
