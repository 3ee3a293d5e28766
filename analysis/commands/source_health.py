"""A source that cannot be read is reported, and its report ends with its first good answer."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from airra.lib.db import Conflict
from airra.lib.quantities import span
from analysis.models import Connector
from analysis.queries.source_reports import report_key
from incidents.commands import incident as incidents
from incidents.lifecycle import IllegalMove, Severity
from incidents.models import Incident

log = structlog.get_logger(__name__)

FAILURES = 3
SILENCE = timedelta(minutes=2)


@transaction.atomic
def report(connector: Connector, now: datetime) -> Incident | None:
    """Open an incident when the source is dead, end it when it answers again. Safe to repeat.

    Dead is three failures in a row over two minutes or more; the row of the connector says so.
    Returns the incident that is open afterwards, if any.
    """
    key = report_key(connector)
    if connector.failing_since is None or connector.failures == 0:
        _end(connector, key, now)
        return None
    if connector.failures < FAILURES or now - connector.failing_since < SILENCE:
        return incidents.live_by_grouping_key(connector.workspace, key)
    error = connector.last_error.strip() or "it does not answer"
    silent = span((now - connector.failing_since).total_seconds())
    incident, _ = incidents.open_or_join(
        workspace=connector.workspace,
        title=f"AIRRA cannot read {connector.name}: {error}",
        description=(
            f"{connector.get_kind_display()} at {connector.url} fails: {error}\n"
            "What its detectors watch is not seen meanwhile: their anomalies neither begin nor "
            "end. Check that the address and the credentials are right and that it is up."
        ),
        severity=Severity.MEDIUM,
        source=Incident.Source.DETECTOR,
        grouping_key=key,
        grouping_reason=f"{connector.failures} failures in a row over {silent}",
        started_at=connector.failing_since,
    )
    return incident


def _end(connector: Connector, key: str, now: datetime) -> None:
    incident = incidents.live_by_grouping_key(connector.workspace, key)
    if incident is None:
        return
    silent = span((now - incident.started_at).total_seconds())
    try:
        incidents.resolve(
            incident=incident, resolution=f"{connector.name} answers again, after {silent}"
        )
    except (Conflict, IllegalMove):
        log.info("source_report_moved", incident=incident.key)
