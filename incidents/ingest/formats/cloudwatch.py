"""What CloudWatch says of an alarm, whichever way it comes.

CloudWatch knows no severity: a tag of the alarm may tell it, or a word in its name that can mean
nothing else; "high" and "error" cannot, as in "high-cpu".
"""

import re
from collections.abc import Mapping

from incidents.ingest.fields import Field
from incidents.ingest.formats.draft import first
from incidents.ingest.severity import WORDS
from incidents.lifecycle import AlertStatus

STATES = {
    "ALARM": AlertStatus.FIRING,
    "OK": AlertStatus.RESOLVED,
    "INSUFFICIENT_DATA": AlertStatus.NO_DATA,
}
_SERVICE_TAGS = ("service", "app", "application")
_SERVICE_DIMENSIONS = ("service", "servicename")
_SEVERITY_TAGS = ("severity", "priority")
TELLING = frozenset({"critical", "fatal", "warning", "p1", "p2", "p3", "p4", "p5"}) & WORDS


def status_of(state: Field) -> AlertStatus:
    found = STATES.get(state.text())
    return found or state.refuse(f"one of {', '.join(STATES)}")


def service_of(tags: Mapping[str, str], dimensions: Mapping[str, str]) -> str:
    """A tag of the alarm, a dimension named so, or whatever its first dimension names."""
    by_tag, by_dimension = _lower(tags), _lower(dimensions)
    return first(
        (
            *(by_tag.get(name, "") for name in _SERVICE_TAGS),
            *(by_dimension.get(name, "") for name in _SERVICE_DIMENSIONS),
            *dimensions.values(),
        )
    )


def severity_word(tags: Mapping[str, str], name: str) -> str:
    """A tag of the alarm, or a word of its name; empty when neither tells."""
    by_tag = _lower(tags)
    told = first(by_tag.get(tag, "") for tag in _SEVERITY_TAGS)
    words = re.split(r"[^a-z0-9]+", name.lower())
    return told or first(word for word in words if word in TELLING)


def _lower(texts: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in texts.items()}
