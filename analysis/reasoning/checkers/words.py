"""Claims that something is not there, that words stand somewhere, and opinions."""

from analysis.reasoning.checkers.look import CAUSES, Checked, Look
from analysis.types import (
    ChangeFact,
    ClaimVerdict,
    EvidenceStatus,
    LedgerEntry,
    Steady,
    TemplateSpike,
)

FULL_COVERAGE = 0.9
MAX_QUOTE = 200
_V = ClaimVerdict
_ANSWERED = frozenset({EvidenceStatus.OK, EvidenceStatus.EMPTY})
# What may be said to be absent, and the tool whose answer can say so.
_TELLS = {"change": "list_changes", "template": "search_logs", "shift": "get_onsets"}


def absence(look: Look) -> Checked:
    """Nothing of its kind (`what`: change, template or shift) was there for the entity.

    Only a source that was asked for this entity, answered in full and was not cut can say so.
    """
    entity, what = look.text("entity"), str(look.operands.get("what", "change"))
    tool = _TELLS[what]
    asked = [e for e in look.cited if e.draft.tool == tool and _is_about(e, entity)]
    if not asked:
        return _V.UNCHECKABLE, f"no answer of {tool} about {entity} is cited"
    look.used.update(entry.seq for entry in asked)
    for entry in asked:
        draft = entry.draft
        if draft.status not in _ANSWERED or draft.coverage < FULL_COVERAGE or draft.is_truncated:
            return _V.UNCHECKABLE, f"E{entry.seq} is {_short(entry)}: silence is no proof"
    return _found_none(look, entity, what)


def _found_none(look: Look, entity: str, what: str) -> Checked:
    if what == "template":
        wanted = str(look.operands.get("text", "")).casefold()
        templates = look.found(
            TemplateSpike, lambda s: s.entity == entity and wanted in s.template.casefold()
        )
        return _verdict([s.template for s in templates], "the log was read in full")
    if what == "shift":
        signal = look.text("signal")
        if look.onset(entity, signal) is not None:
            return _V.FAILS, f"{signal} of {entity} shifted"
        calm = look.first(Steady, lambda s: (s.entity, s.signal) == (entity, signal))
        if calm is None:
            return _V.UNCHECKABLE, f"{signal} of {entity} was not looked at"
        return _V.HOLDS, f"{signal} of {entity} stayed steady"
    changes = look.found(
        ChangeFact, lambda c: c.entity == entity and c.change in CAUSES and bool(c.before)
    )
    return _verdict([c.title for c in changes], "the change system answered in full")


def _verdict(found: list[str], told: str) -> Checked:
    if found:
        return _V.FAILS, f"there is one: {found[-1]}"
    return _V.HOLDS, f"{told} and names none"


def _is_about(entry: LedgerEntry, entity: str) -> bool:
    """Asked for everything, or for this entity."""
    return str(entry.draft.arguments.get("service") or entity) == entity


def _short(entry: LedgerEntry) -> str:
    draft = entry.draft
    if draft.status in _ANSWERED:
        return "cut" if draft.is_truncated else f"only {draft.coverage:.0%} covered"
    return str(draft.status)


def quote(look: Look) -> Checked:
    """At most 200 characters stand in the stored view, but for white space."""
    wanted = " ".join(look.text("text")[:MAX_QUOTE].split())
    holding = [e for e in look.cited if wanted and wanted in " ".join(e.draft.view.split())]
    look.used.update(entry.seq for entry in holding)
    if holding:
        return _V.HOLDS, "the words stand in the evidence"
    return _V.FAILS, "the words do not stand in the evidence"


def judgement(_: Look) -> Checked:
    return _V.UNCHECKABLE, "a judgement: no code can check it"


def guidance(_: Look) -> Checked:
    return _V.UNCHECKABLE, "guidance: what people said or saw before proves nothing now"
