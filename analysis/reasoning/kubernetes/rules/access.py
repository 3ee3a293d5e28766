"""What pods may not do: permissions, tokens and certificates."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, UNFELT, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    holders,
    is_troubled,
    items_of,
    logs_of,
    pod_spec,
    replicas_line,
)

_FORBIDDEN = re.compile(
    r'is forbidden: User "system:serviceaccount:(?P<ns>[\w.-]+):(?P<name>[\w.-]+)" cannot '
    r'(?P<verb>\w+) resource "(?P<what>[\w./-]+)"'
)
_TOKEN = re.compile(
    r"serviceaccount/token: no such file|unable to load in-cluster configuration"
    r"|(?:Unauthorized|401).*(?:kubernetes|apiserver|serviceaccount)",
    re.IGNORECASE,
)
_EXPIRED = re.compile(
    r"certificate has expired|x509: certificate.*(?:expired|not yet valid)"
    r"|CERTIFICATE_VERIFY_FAILED.*expired|certificate expired",
    re.IGNORECASE,
)


@rule(Fault.ACCESS, "Using RBAC Authorization", UNFELT)
def permission_missing(snap: Snapshot) -> Iterator[Hit]:
    """A workload logs that its service account may not do something, and it runs as that account.

    Joined with the bindings of the account, where they are listed.
    """
    for holder in holders(snap):
        account = str(pod_spec(holder).get("serviceAccountName") or "default")
        for text in logs_of(snap, holder):
            found = _FORBIDDEN.search(text)
            if found is None or found["name"] != account:
                continue
            bound = _bindings(snap, account)
            second = f"{holder.ref} runs as {account}, bound by {', '.join(bound) or 'nothing'}"
            ref = Ref("ServiceAccount", account, found["ns"])
            yield Hit(
                (*about(snap, holder), ref),
                (text, second),
                f"{account} may not {found['verb']} {found['what']}",
                CAUSE if is_troubled(snap, holder) else None,
            )
            break


def _bindings(snap: Snapshot, account: str) -> list[str]:
    return [
        str(b.ref)
        for b in snap.of("RoleBinding", "ClusterRoleBinding")
        if any(s.get("name") == account for s in items_of(b.body, "subjects"))
    ]


@rule(Fault.ACCESS, "Configure Service Accounts for Pods")
def token_not_mounted(snap: Snapshot) -> Iterator[Hit]:
    """A workload logs that it has no token, and its spec switches the mount of it off."""
    for holder in holders(snap):
        account = str(pod_spec(holder).get("serviceAccountName") or "default")
        held = snap.find("ServiceAccount", account, holder.namespace)
        off = pod_spec(holder).get("automountServiceAccountToken") is False or (
            held is not None and held.body.get("automountServiceAccountToken") is False
        )
        said = next((t for t in logs_of(snap, holder) if _TOKEN.search(t)), "")
        if off and said:
            facts = said, f"{holder.ref} automountServiceAccountToken false"
            yield Hit(about(snap, holder), facts, f"{holder.name} has no token")


@rule(Fault.CERTIFICATE, "PKI Certificates and Requirements")
def certificate_expired(snap: Snapshot) -> Iterator[Hit]:
    """Somebody meets an expired certificate, and the one who shows it is named or in trouble."""
    for line in (*snap.logs, *snap.checks):
        if not _EXPIRED.search(line.text):
            continue
        named = [s for s in snap.of("Service") if re.search(rf"\b{re.escape(s.name)}\b", line.text)]
        troubled = [
            h
            for h in holders(snap)
            if is_troubled(snap, h) and h.name in f"{line.about} {line.text}"
        ]
        for thing in (named or troubled)[:1]:
            second = f"{thing.ref} is who it was met at" if named else replicas_line(snap, thing)
            yield Hit(_of(snap, thing), (line.text, second), "a certificate has expired", CAUSE)
            return


def _of(snap: Snapshot, thing: Thing) -> tuple[Ref, ...]:
    return (thing.ref,) if thing.ref.kind == "Service" else about(snap, thing)


RULES = (permission_missing, token_not_mounted, certificate_expired)
