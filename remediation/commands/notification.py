"""Telling by mail that a decision waits: once for each question, to who may decide on it.

The mail carries a link that opens a page and never acts (`queries/links.py`).
"""

import smtplib
from datetime import datetime

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.urls import reverse

from airra.lib import clock
from airra.lib.jobs import Job, enqueue
from incidents.permissions import Permission, roles_with
from incidents.queries.access import permissions_of
from remediation.models import Approval
from remediation.queries.authority import running
from remediation.queries.links import link_for
from remediation.queries.say import say_of

log = structlog.get_logger(__name__)


def wake() -> None:
    """Enqueue what nobody has been told of yet."""
    if not settings.EMAIL_HOST:
        return
    waiting = Approval.objects.filter(state=Approval.State.PENDING, notified_at__isnull=True)
    for pk in waiting.values_list("pk", flat=True):
        enqueue(Job.NOTIFY, approval_id=str(pk))


def tell(*, approval_id: str) -> int:
    """Write to everybody who may decide. Returns how many; safe to run twice.

    The row is marked first: a crash in between costs a mail, never doubles one.
    """
    now = clock.now()
    mine = Approval.objects.filter(
        pk=approval_id, state=Approval.State.PENDING, expires_at__gt=now, notified_at__isnull=True
    )
    if not settings.EMAIL_HOST or mine.update(notified_at=now) != 1:
        return 0
    approval = Approval.objects.select_related("plan__incident__workspace").get(pk=approval_id)
    mails = [_mail(approval, user) for user in deciders_of(approval, now)]
    try:
        return get_connection().send_messages(mails) or 0 if mails else 0
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail_failed", approval=approval_id, error=str(error))
        return 0


def deciders_of(approval: Approval, now: datetime) -> list[User]:
    """Whoever has an address and may decide on it, by a role or a right that was lent."""
    workspace = approval.plan.incident.workspace
    roles = [str(role) for role in roles_with(Permission.APPROVE)]
    by_role = workspace.memberships.filter(role__name__in=roles).values("user")
    lent = running(now).filter(workspace=workspace).values("delegate")
    people = User.objects.filter(is_active=True).exclude(email="")
    found = (people.filter(pk__in=by_role) | people.filter(pk__in=lent)).distinct()
    return [
        user
        for user in found.order_by("pk")
        if say_of(approval, user, permissions_of(user, workspace)).may
    ]


def _mail(approval: Approval, user: User) -> EmailMessage:
    """Plain text; what outsiders may have written stands in no header."""
    plan, incident = approval.plan, approval.plan.incident
    path = reverse("remediation:approval-link", args=[link_for(approval, user)])
    body = (
        f"{plan.title}\n\n"
        f"For {incident.key}, {plan.risk_band} risk; plan {plan.plan_hash[:12]}.\n"
        f"It waits until {approval.expires_at:%H:%M} UTC.\n\n"
        f"Look at it, and decide after signing in:\n{settings.BASE_URL}{path}\n\n"
        "The link is yours alone, for 30 minutes. Opening it decides nothing.\n"
    )
    subject = f"[AIRRA] {incident.key}: an approval waits"
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email])
