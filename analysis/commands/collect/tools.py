"""One investigation's tools: a name and arguments in, one piece of evidence out."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from airra.lib import deadline
from airra.lib.redact import redact
from analysis.commands.collect import (
    changes,
    diagnostics,
    guidance,
    logs,
    metrics,
    numbers,
    state,
    topology,
    traces,
)
from analysis.commands.collect.reading import (
    MAX_SUMMARY,
    Reading,
    digest,
    view_of,
    without_secrets,
)
from analysis.commands.collect.scope import BEFORE_S, Scope
from analysis.connectors.base import ConnectorError, Problem
from analysis.queries.sources import enabled_connectors
from analysis.reasoning.toolbox import CATALOGUE, Arguments, parsed, refusal, tool_named
from analysis.types import EvidenceDraft, EvidenceStatus, IncidentContext
from incidents.models import Workspace

TIMEOUT_S = 10.0
LONG_TIMEOUT_S = 45.0  # of tools that ask a source once for each signal
_LONG = frozenset({"get_onsets", "get_resource_state"})

_TOOLS: Mapping[str, Callable[[Scope, Any], Reading]] = {
    "compare_peers": numbers.compare_peers,
    "get_onsets": metrics.get_onsets,
    "get_resource_state": state.get_resource_state,
    "get_runbook": guidance.get_runbook,
    "get_topology": topology.get_topology,
    "get_traces": traces.get_traces,
    "list_changes": changes.list_changes,
    "list_steps": guidance.list_steps,
    "query_metrics": numbers.query_metrics,
    "run_diagnostic": diagnostics.run_diagnostic,
    "search_logs": logs.search_logs,
    "similar_incidents": guidance.similar_incidents,
}
# The kinds of source behind a tool: named when it could not be asked.
_KINDS: Mapping[str, Sequence[str]] = {
    "compare_peers": numbers.KINDS,
    "query_metrics": numbers.KINDS,
    "get_onsets": metrics.KINDS,
    "get_resource_state": state.KINDS,
    "get_traces": traces.KINDS,
    "list_changes": changes.KINDS,
    "search_logs": logs.KINDS,
}


@dataclass(frozen=True)
class Tools:
    """Arguments are checked against the catalogue and what is known to exist.

    `run` may be called from several threads at once: sources bound how many calls they get, and a
    thread that is not the one that made this gives its database connections back.
    """

    workspace: Workspace
    ctx: IncidentContext
    names: Sequence[str] = field(default=tuple(tool.name for tool in CATALOGUE), init=False)
    _home: int = field(default_factory=threading.get_ident, init=False)

    def run(self, name: str, arguments: Mapping[str, Any]) -> EvidenceDraft:
        """One tool run as evidence. Raises KeyError for a name that is not a tool."""
        tool = tool_named(name)
        began = time.perf_counter()
        try:
            reading = self._read(name, arguments)
        except ConnectorError as error:
            reading = self._failed(name, error)
        finally:
            if threading.get_ident() != self._home:
                connections.close_all()
        view, was_cut = view_of(reading)
        return EvidenceDraft(
            tool=name,
            arguments=dict(arguments),
            source=reading.source,
            native_query=redact(reading.native_query),
            window=reading.window,
            status=reading.status,
            coverage=round(min(max(reading.coverage, 0.0), 1.0), 3),
            summary=redact(reading.summary)[:MAX_SUMMARY],
            custody=reading.custody or tool.custody,
            facts=without_secrets(reading.facts),
            view=view,
            duration_ms=int((time.perf_counter() - began) * 1000),
            tool_version=tool.version,
            raw_sha256=digest(reading.raw),
            is_truncated=was_cut or reading.is_truncated,
        )

    def _read(self, name: str, arguments: Mapping[str, Any]) -> Reading:
        known = [name for name in (*self.ctx.services, self.ctx.service) if name]
        refused = refusal(name, arguments, known)
        if refused:
            raise ConnectorError(Problem.REJECTED, refused)
        given: Arguments = parsed(name, arguments)
        with deadline.within(LONG_TIMEOUT_S if name in _LONG else TIMEOUT_S):
            return _TOOLS[name](Scope(self.workspace, self.ctx), given).refused_if_too_much()

    def _failed(self, name: str, error: ConnectorError) -> Reading:
        """That a source could not tell is evidence too: never of health."""
        is_denied = error.kind is Problem.DENIED
        asked = enabled_connectors(self.workspace, *_KINDS[name]) if name in _KINDS else []
        scope = Scope(self.workspace, self.ctx)
        return Reading(
            source=asked[0].name if asked else "",
            native_query=name,
            window=(scope.split - BEFORE_S, self.ctx.now),
            summary=str(error),
            status=EvidenceStatus.DENIED if is_denied else EvidenceStatus.ERROR,
            coverage=0.0,
        )
