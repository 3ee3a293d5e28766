"""What operators said to an investigation: notes that steer, and hypotheses of their own.

Both are events, so an attempt that follows a killed one reads them again.
"""

from analysis.commands.investigation import course
from analysis.models import Investigation, InvestigationEvent
from analysis.types import Guidance, Mechanism, Progress, ProgressKind, Suggestion
from incidents.commands.timeline import display_name


class Ear:
    """Hears the operators for one attempt: each note once."""

    def __init__(self, investigation: Investigation) -> None:
        self._investigation = investigation
        self._heard = 0

    def take(self) -> tuple[Guidance, ...]:
        """Notes that nobody has read yet, each confirmed in the course of the investigation."""
        found = list(unread(self._investigation, since=self._heard))
        if not found:
            return ()
        self._heard = found[-1].seq
        course.tell(
            self._investigation,
            *(
                Progress(ProgressKind.GUIDANCE, f"took in: {note.text}", {"note": note.seq})
                for note in found
            ),
        )
        return tuple(_guidance(note) for note in found)

    def missed(self) -> list[str]:
        """Notes that came after the last look."""
        return [note.text for note in unread(self._investigation, since=self._heard)]


def unread(investigation: Investigation, *, since: int) -> list[InvestigationEvent]:
    notes = investigation.events.filter(kind=ProgressKind.NOTE, seq__gt=since)
    return list(notes.select_related("author").order_by("seq"))


def suggestions(investigation: Investigation) -> list[Suggestion]:
    """The hypotheses that people have added to it, oldest first."""
    added = investigation.events.filter(
        kind=ProgressKind.HYPOTHESIS_ADDED, author__isnull=False
    ).order_by("seq")
    return [
        Suggestion(
            entity=str(payload["entity"]),
            mechanism=Mechanism(payload["mechanism"]),
            statement=str(payload["statement"]),
        )
        for payload in added.values_list("payload", flat=True)
    ]


def _guidance(note: InvestigationEvent) -> Guidance:
    author = display_name(note.author) if note.author else ""
    return Guidance(author=author, text=note.text, at=note.at.timestamp())
