"""How the incident and its ledger are shown to a model: as JSON, in the same bytes every time.

Titles and log lines are others' words: they come as strings inside JSON, and in a reading that is
`plain` they do not come at all, only what code computed from them.
"""

import json
from collections.abc import Mapping
from typing import Any

from analysis.reasoning.ledger import Ledger
from analysis.reasoning.toolbox import CATALOGUE, MAX_VIEW
from analysis.reasoning.workbench import Workbench
from analysis.types import Custody, IncidentContext, LedgerEntry

MAX_FACTS = 60
_OTHERS_WORDS = frozenset({Custody.APP_TEXT, Custody.USER_INFLUENCED})


def dumped(document: object) -> str:
    return json.dumps(document, sort_keys=True, default=str, ensure_ascii=False)


def entry(given: LedgerEntry, *, plain: bool = False) -> str:
    """A ledger entry: the facts that claims are checked against, then the view of the tool."""
    draft = given.draft
    shown: dict[str, Any] = {
        "evidence": given.seq,
        "tool": draft.tool,
        "arguments": dict(draft.arguments),
        "status": str(draft.status),
        "coverage": draft.coverage,
        "facts": [fact.to_json() for fact in draft.facts[:MAX_FACTS]],
    }
    if not (plain and draft.custody in _OTHERS_WORDS):
        shown["summary"] = draft.summary
        shown["view"] = draft.view
    text = dumped(shown)
    if len(text) <= MAX_VIEW:
        return text
    room = max(MAX_VIEW - (len(text) - len(dumped(shown.get("view", "")))), 0)
    shown["view"] = str(shown.get("view", ""))[:room]
    shown["cut"] = "the view is cut: narrow the question to see the rest"
    return dumped(shown)[: 2 * MAX_VIEW]


def incident(ctx: IncidentContext, *, plain: bool = False) -> str:
    document: dict[str, Any] = {
        "incident": ctx.key,
        "service": ctx.service,
        "severity": ctx.severity,
        "started_at": ctx.started_at,
        "now": ctx.now,
        "services": list(ctx.services),
    }
    if not plain:
        document["title"] = ctx.title
    return dumped(document)


def opening(bench: Workbench, *, plain: bool) -> str:
    """The incident, the ledger so far, and the rivals that are already on record."""
    entries = "\n".join(entry(e, plain=plain) for e in bench.ledger.entries)
    parts = [incident(bench.ctx, plain=plain), f"Ledger:\n{entries}"]
    if bench.rivals:
        parts.append(f"Hypotheses on record:\n{dumped(rivals(bench))}")
    return "\n\n".join(parts)


def rivals(bench: Workbench) -> Mapping[str, Any]:
    """The hypotheses by name, with their claims as checked. No ranking: it would anchor."""
    return {
        name: {
            "entity": rival.draft.entity,
            "mechanism": str(rival.draft.mechanism),
            "statement": rival.draft.statement,
            "path": list(rival.draft.path),
            "predictions": list(rival.draft.predictions),
            "claims": [
                {
                    "statement": claim.draft.statement,
                    "evidence": list(claim.draft.evidence),
                    "is_for": claim.draft.is_for,
                    "verdict": str(claim.verdict),
                }
                for claim in rival.claims
            ],
        }
        for name, rival in bench.rivals.items()
    }


def index(ledger: Ledger, *, plain: bool) -> str:
    """The ledger in one line an entry."""
    return "\n".join(
        f"E{e.seq} {e.draft.tool} {dumped(dict(e.draft.arguments))} {e.draft.status}: "
        + (e.draft.summary if not (plain and e.draft.custody in _OTHERS_WORDS) else "…")
        for e in ledger.entries
    )


def catalogue() -> str:
    """The read tools and what they take, for a model that names calls instead of making them."""
    return "\n".join(
        dumped({"tool": tool.name, "about": tool.about, "takes": tool.schema()["properties"]})
        for tool in CATALOGUE
    )
