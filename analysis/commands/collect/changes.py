"""What was changed: by people, as the change feed and the platform tell."""

from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import MARGIN_S, Scope, read_all
from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.queries import told_changes
from analysis.queries.sources import enabled_connectors, open_events
from analysis.reasoning.toolbox import ListChanges
from analysis.types import Change, ChangeFact, EvidenceStatus

KINDS = (Connector.Kind.CHANGES, Connector.Kind.KUBERNETES)


def list_changes(scope: Scope, asked: ListChanges) -> Reading:
    """Every change from some hours before the incident until now, of every source that tells."""
    window = scope.ctx.started_at - asked.hours * 3600.0, scope.ctx.now

    changes, problems, answered = _read(scope, window)
    of_it = [c for c in changes if not asked.service or c.service == asked.service]
    found = [_fact(change) for change in sorted(of_it, key=lambda c: (c.at, c.id))]
    before = [f for f in found if f.at <= scope.ctx.started_at + MARGIN_S]
    newest = f"; the last before it: {before[-1].title} on {before[-1].entity}" if before else ""
    since = "an hour" if asked.hours == 1 else f"{asked.hours} hours"
    status = EvidenceStatus.OK if found else EvidenceStatus.EMPTY
    return Reading(
        source=" + ".join(answered),
        native_query=f"GET /changes of {asked.service or 'every service'}",
        window=window,
        summary=f"{len(found)} changes from {since} before the incident until now{newest}",
        facts=found,
        rows=[
            *(f"not read: {problem}" for problem in problems),
            *(_row(scope, fact) for fact in reversed(found)),
        ],
        status=EvidenceStatus.PARTIAL if problems else status,
        coverage=len(answered) / (len(answered) + len(problems)),
        raw=changes,
        narrow="naming a service, or fewer hours",
    )


def _read(scope: Scope, window: tuple[float, float]) -> tuple[list[Change], list[str], list[str]]:
    """What sources and senders hold, what went wrong, and who answered.

    Raises the first `ConnectorError` when no source answers and nobody tells of changes.
    """

    def read(connector: Connector) -> list[Change]:
        return open_events(connector).changes(start=window[0], end=window[1])

    tellers = told_changes.tellers(scope.workspace)
    if not tellers:
        found, problems, answered = read_all(scope.connectors(*KINDS), read)
        return found, problems, [connector.name for connector in answered]
    told = told_changes.told(scope.workspace, start=window[0], end=window[1])
    connectors = enabled_connectors(scope.workspace, *KINDS)
    try:
        found, problems, answered = read_all(connectors, read) if connectors else ([], [], [])
    except ConnectorError as error:
        return told, [f"{connectors[0].name}: {error}"], tellers
    return [*found, *told], problems, [*(c.name for c in answered), *tellers]


def _fact(change: Change) -> ChangeFact:
    return ChangeFact(
        id=change.id,
        entity=change.service,
        at=change.at,
        change=change.kind,
        title=change.title,
        actor=change.actor,
        before=change.before,
        after=change.after,
        revision=change.revision,
    )


def _row(scope: Scope, fact: ChangeFact) -> str:
    what = f"{fact.before} -> {fact.after}" if fact.before or fact.after else ""
    at, by = scope.when(fact.at), fact.actor or "unknown"
    return f"{at} {fact.change} {fact.entity}: {fact.title} {what} by {by}"
