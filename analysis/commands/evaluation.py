"""Playing the scenarios of the evaluation: the production investigation over frozen worlds.

Meant for a database of its own (`manage.py airra_eval` makes one): every scenario leaves a
workspace with its incident, ledger and hypotheses behind.
"""

import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.contrib.auth.models import User

from airra.lib import clock
from analysis.commands import investigation
from analysis.commands.presets import install
from analysis.models import Connector, Investigation
from analysis.reasoning.evals import baselines
from analysis.reasoning.evals.scenarios import SOURCES, Alarm
from analysis.reasoning.evals.scoring import Answered
from analysis.reasoning.ledger import Ledger
from analysis.types import (
    ClaimVerdict,
    Custody,
    EvidenceDraft,
    EvidenceStatus,
    LedgerEntry,
    Outcome,
    fact_from_json,
)
from incidents.commands.access import give_role
from incidents.commands.incident import open_or_join
from incidents.lifecycle import Severity
from incidents.models import Incident, Service, Workspace
from incidents.permissions import Role

NEWEST_CHANGE, ROBUST_Z = "newest change", "robust z"
_KINDS = {
    "metrics": Connector.Kind.PROMETHEUS,
    "logs": Connector.Kind.LOKI,
    "traces": Connector.Kind.JAEGER,
    "changes": Connector.Kind.CHANGES,
}
_NOWHERE = "http://127.0.0.1:9"  # the discard port: a source that does not answer
_ANSWERED = frozenset({Outcome.ROOT_CAUSE_IDENTIFIED, Outcome.BEST_EFFORT})


def play(name: str, alarm: Alarm, hidden: Sequence[str], *, url: str) -> dict[str, Answered]:
    """What each row of the table says of the scenario `name`, whose world answers at `url`.

    Sources that are `hidden` do not answer.
    """
    with clock.frozen(datetime.fromtimestamp(alarm.asked_at, UTC)):
        workspace = _workspace(name, hidden, url)
        incident = _incident(workspace, alarm)
        began = time.perf_counter()
        made = investigation.start(incident=incident, by=_asker(workspace))
        investigation.run(investigation_id=str(made.pk))
        made.refresh_from_db()
        seconds = time.perf_counter() - began
        ledger, ctx = ledger_of(made), investigation.context_of(incident)
        return {
            made.reasoner or "nobody": _answered(name, made, seconds),
            NEWEST_CHANGE: _plain(name, baselines.newest_change(ctx, ledger)),
            ROBUST_Z: _plain(name, baselines.robust_z(ctx, ledger)),
        }


def ledger_of(made: Investigation) -> Ledger:
    """The stored ledger of the last attempt, as reasoners read it."""
    rows = made.evidence.filter(attempt=made.attempts).select_related("connector")
    return Ledger(
        tuple(
            LedgerEntry(
                row.seq,
                EvidenceDraft(
                    tool=row.tool,
                    arguments=row.arguments,
                    source=row.connector.name if row.connector else "topology",
                    native_query=row.native_query,
                    window=(row.window_start.timestamp(), row.window_end.timestamp()),
                    status=EvidenceStatus(row.status),
                    coverage=row.coverage,
                    summary=row.summary,
                    custody=Custody(row.custody),
                    facts=tuple(fact_from_json(fact) for fact in row.facts),
                    view=row.view,
                ),
            )
            for row in rows
        )
    )


def _workspace(name: str, hidden: Sequence[str], url: str) -> Workspace:
    """One of its own, with the four sources."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:50].strip("-")
    workspace = Workspace.objects.create(slug=slug, name=name[:100])
    for source in SOURCES:
        connector = Connector.objects.create(
            workspace=workspace,
            name=source,
            kind=_KINDS[source],
            url=_NOWHERE if source in hidden else url,
        )
        if source not in hidden:
            install(connector=connector)
    return workspace


def _asker(workspace: Workspace) -> User:
    """Who asks does not wait for signals to settle: the worlds are frozen well after that."""
    user, _ = User.objects.get_or_create(username="evaluation")
    give_role(user=user, workspace=workspace, role=Role.RESPONDER)
    return user


def _incident(workspace: Workspace, alarm: Alarm) -> Incident:
    service = None
    if alarm.service:
        service, _ = Service.objects.get_or_create(workspace=workspace, name=alarm.service)
    incident, _ = open_or_join(
        workspace=workspace,
        title=alarm.title,
        severity=Severity(alarm.severity),
        source="evaluation",
        grouping_key=f"evaluation:{workspace.slug}",
        service=service,
        started_at=datetime.fromtimestamp(alarm.started_at, UTC),
    )
    return incident


def _answered(world: str, made: Investigation, seconds: float) -> Answered:
    """The settlement by its rows. Entities once each, in the order of their best hypothesis."""
    hypotheses = list(made.hypotheses.prefetch_related("claims").order_by("rank"))
    best = {h.entity: h.confidence for h in reversed(hypotheses)}
    ranked = tuple(dict.fromkeys(h.entity for h in hypotheses))
    checked = [claim for h in hypotheses for claim in h.claims.all()]
    top = hypotheses[0] if hypotheses else None
    return Answered(
        world=world,
        ranked=ranked,
        confidences=tuple(best[entity] for entity in ranked),
        mechanism=top.mechanism if top else "",
        outcome=made.outcome,
        is_abstained=made.outcome not in _ANSWERED,
        is_path_verified=top is not None
        and any(c.kind == "path" and c.verdict == ClaimVerdict.HOLDS for c in top.claims.all()),
        claims=len(checked),
        failed_claims=sum(c.is_for and c.verdict == ClaimVerdict.FAILS for c in checked),
        usd=float(made.usage.get("usd", 0.0)),
        seconds=seconds,
    )


def _plain(world: str, said: tuple[Sequence[str], Iterable[float]]) -> Answered:
    ranked, confidences = said
    return Answered(world, tuple(ranked), tuple(confidences), is_abstained=not ranked)
