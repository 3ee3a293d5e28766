"""How the incident and its ledger are shown to a model: as JSON, in the same bytes every time.

Titles and log lines are others' words: they come as strings inside JSON, and in a reading that is
plain they do not come at all, only what code computed from them. What a source may not tell is not
shown, and neither is what follows from it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.reasoning.toolbox import CATALOGUE, MAX_VIEW
from analysis.reasoning.workbench import Workbench
from analysis.types import CheckedClaim, Custody, LedgerEntry

MAX_FACTS = 60
MAX_AT_FIRST = 8_000  # characters of each entry that a conversation opens with
_OTHERS_WORDS = frozenset({Custody.APP_TEXT, Custody.USER_INFLUENCED})
_KEPT_BACK = "what its source says may not leave"


def dumped(document: object) -> str:
    return json.dumps(document, sort_keys=True, default=str, ensure_ascii=False)


def catalogue() -> str:
    """The read tools and what they take, for a model that names calls instead of making them."""
    return "\n".join(
        dumped({"tool": tool.name, "about": tool.about, "takes": tool.schema()["properties"]})
        for tool in CATALOGUE
    )


@dataclass(frozen=True)
class Showing:
    """`see` gives an entry as it may leave; `plain` leaves out what others wrote."""

    bench: Workbench
    see: Callable[[LedgerEntry], LedgerEntry]
    plain: bool = False

    def opening(self) -> str:
        """The incident, the ledger so far, and the rivals that are already on record."""
        found = self.bench.ledger.entries
        entries = "\n".join(self.entry(e, most=MAX_AT_FIRST) for e in found)
        parts = [self.incident(), f"Ledger:\n{entries}"]
        if self.bench.rivals:
            parts.append(f"Hypotheses on record:\n{dumped(self.rivals())}")
        return "\n\n".join(parts)

    def incident(self) -> str:
        ctx = self.bench.ctx
        document: dict[str, Any] = {
            "incident": ctx.key,
            "service": ctx.service,
            "severity": ctx.severity,
            "started_at": ctx.started_at,
            "now": ctx.now,
            "services": list(ctx.services),
        }
        if not self.plain:
            document["title"] = ctx.title
        return dumped(document)

    def entry(self, given: LedgerEntry, *, most: int = MAX_VIEW) -> str:
        """A ledger entry: the facts that claims are checked against, then the view of the tool.

        At most about `most` characters: first the view is cut, then the last facts.
        """
        draft = self.see(given).draft
        shown: dict[str, Any] = {
            "evidence": given.seq,
            "tool": draft.tool,
            "arguments": dict(draft.arguments),
            "status": str(draft.status),
            "coverage": draft.coverage,
            "facts": [fact.to_json() for fact in draft.facts[:MAX_FACTS]],
        }
        if not self._is_left_out(given):
            shown["summary"] = draft.summary
            shown["view"] = draft.view
        text = dumped(shown)
        return text if len(text) <= most else dumped(_cut(shown, most))

    def index(self) -> str:
        """The ledger in one line an entry."""
        return "\n".join(
            f"E{e.seq} {e.draft.tool} {dumped(dict(e.draft.arguments))} {e.draft.status}: "
            + ("…" if self._is_left_out(e) else self.see(e).draft.summary)
            for e in self.bench.ledger.entries
        )

    def rivals(self) -> Mapping[str, Any]:
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
                    if not self._rests_on_hidden(claim)
                ],
            }
            for name, rival in self.bench.rivals.items()
        }

    def why(self, claim: CheckedClaim) -> str:
        """What the checker said, unless it speaks of what may not leave."""
        return _KEPT_BACK if self._rests_on_hidden(claim) else claim.explanation

    def hides_something(self) -> bool:
        return any(self._is_hidden(entry) for entry in self.bench.ledger.entries)

    def _is_left_out(self, entry: LedgerEntry) -> bool:
        return self.plain and entry.draft.custody in _OTHERS_WORDS

    def _is_hidden(self, entry: LedgerEntry) -> bool:
        return self.see(entry).draft.summary != entry.draft.summary

    def _rests_on_hidden(self, claim: CheckedClaim) -> bool:
        return any(self._is_hidden(e) for e in self.bench.ledger.cited(claim.draft.evidence))


def _cut(shown: dict[str, Any], most: int) -> dict[str, Any]:
    cut = {**shown, "view": "", "cut": "narrow the question to see the rest"}
    facts = cut["facts"] = list(shown["facts"])
    while facts and len(dumped(cut)) > most:
        facts.pop()
    view = shown.get("view", "")[: max(most - len(dumped(cut)), 0)]
    while view and len(dumped({**cut, "view": view})) > most:  # what is escaped takes more room
        view = view[: len(view) // 2]
    return {**cut, "view": view}
