"""Tokens and memberships. A token is shown once; only its digest is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db import transaction

from airra.lib import clock
from incidents.commands import audit
from incidents.models import ApiToken, Membership, Workspace
from incidents.permissions import Permission, Role
from incidents.queries.access import require


@dataclass(frozen=True)
class Secret:
    """A fresh secret with what is stored of it."""

    text: str
    digest: str
    prefix: str


def digest_of(text: str) -> str:
    """SHA-256: enough for a random token of 256 bits, which no dictionary holds."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_secret(kind: str) -> Secret:
    text = f"airra_{kind}_{secrets.token_urlsafe(32)}"
    return Secret(text, digest_of(text), text[:12])


@transaction.atomic
def issue_token(
    *, user: User, workspace: Workspace, name: str, by: User, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A bearer token for the API; the text is returned once. For oneself, or by an admin."""
    require(by, Permission.VIEW if by == user else Permission.ADMINISTER, workspace)
    secret = new_secret("api")
    token = ApiToken.objects.create(
        user=user,
        workspace=workspace,
        name=name,
        digest=secret.digest,
        prefix=secret.prefix,
        expires_at=expires_at,
    )
    audit.record("token.issued", target=token, by=by, after={"user": user.get_username()})
    return token, secret.text


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User) -> None:
    require(by, Permission.VIEW if by == token.user else Permission.ADMINISTER, token.workspace)
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])
    audit.record("token.revoked", target=token, by=by)


@transaction.atomic
def give_role(*, user: User, workspace: Workspace, role: Role, by: User | None = None) -> None:
    """Make the user's role in the workspace exactly this one."""
    if by is not None:
        require(by, Permission.ADMINISTER, workspace)
    group = Group.objects.get(name=role)
    member, _ = Membership.objects.update_or_create(
        workspace=workspace, user=user, defaults={"role": group}
    )
    audit.record("membership.set", target=member, by=by, after={"role": role})
