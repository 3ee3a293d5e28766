"""How people say where a body keeps what: one JMESPath expression for each of our fields.

| name | holds |
|---|---|
| `title`, `key`, `state`, `severity`, `service`, `description`, `url` | an expression: a text |
| `labels` | an expression: an object of texts or numbers |
| `starts_at`, `ends_at` | an expression: RFC 3339, or Unix seconds or milliseconds |
| `items` | an expression: the list of alerts in one body; the other expressions start at each |
| `resolve_condition` | an expression: true when the alert is over |
| `resolve_states` | words of `state` that end an alert, in place of ok, resolved, closed, normal |
| `severity_words` | an object from the sender's words to ours |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from incidents.ingest.alerts import Malformed
from incidents.ingest.expressions import Expression, Meter, compiled
from incidents.ingest.fields import Field
from incidents.lifecycle import AlertStatus, Severity

FIELDS = (
    "title", "key", "state", "severity", "service", "description", "labels", "starts_at", "ends_at",
    "url",
)  # fmt: skip
EXTRAS = ("items", "resolve_condition", "resolve_states", "severity_words")
RESOLVE_STATES = ("ok", "resolved", "closed", "normal")
MAX_ITEMS = 1000
_MAX_WORDS = 100
_STATES = {
    "acknowledged": AlertStatus.ACKNOWLEDGED,
    "suppressed": AlertStatus.SUPPRESSED,
    "no_data": AlertStatus.NO_DATA,
    "no data": AlertStatus.NO_DATA,
    "nodata": AlertStatus.NO_DATA,
}


@dataclass(frozen=True)
class Plan:
    """A checked mapping. Without `items` a body is one alert."""

    fields: Mapping[str, Expression]
    items: Expression | None
    resolve_condition: Expression | None
    resolve_states: frozenset[str]
    severity_words: Mapping[str, Severity]
    has_usual_words: bool = True  # it says nothing of its own on how an alert ends
    meter: Meter = field(default_factory=Meter)  # a plan is made for one body

    def parts(self, body: Field) -> list[tuple[str, Any]]:
        """The documents that are one alert each, with the path that leads there."""
        if self.items is None:
            return [("", body.members())]
        found = self.items.find(body.value, meter=self.meter)
        if found.is_missing:
            found.refuse("a list: the alerts of the body")
        parts = found.items()
        if len(parts) > MAX_ITEMS:
            raise Malformed(found.path, f"at most {MAX_ITEMS} alerts", str(len(parts)))
        return [(part.path, part.members()) for part in parts]

    def find(self, name: str, part: Any, *, within: str = "") -> Field:
        return self.fields[name].find(part, within=within, meter=self.meter)

    def status(self, state: str, part: Any, *, within: str = "") -> AlertStatus:
        """Where the alert stands; any word that is not known means that it fires."""
        word = state.lower()
        if self.resolve_condition is not None:
            over = self.resolve_condition.find(part, within=within, meter=self.meter)
            if not isinstance(over.value, bool | None):
                over.refuse("true or false")
            is_over = bool(over.value)
        else:
            is_over = word in self.resolve_states
        return AlertStatus.RESOLVED if is_over else state_of(word) or AlertStatus.FIRING

    def severity(self, word: str) -> Severity | None:
        return self.severity_words.get(word.lower())


def checked(mapping: object, *, places: Mapping[str, str] | None = None) -> Plan:
    """The plan of a mapping, over a format's own `places`. Raises `Malformed` at what is wrong."""
    given = Field("mapping", mapping or {}).members()
    for name in given:
        if name not in (*FIELDS, *EXTRAS):
            raise Malformed(f"mapping.{name}", f"one of {', '.join((*FIELDS, *EXTRAS))}")
    usual = dict(zip(FIELDS, FIELDS, strict=True)) | dict(places or {})
    root = Field("mapping", given)
    return Plan(
        fields={
            name: compiled(root[name] if name in given else Field(f"mapping.{name}", place))
            for name, place in usual.items()
        },
        items=_optional(root["items"]),
        resolve_condition=_optional(root["resolve_condition"]),
        resolve_states=_words(root["resolve_states"]),
        severity_words=_severities(root["severity_words"]),
        has_usual_words=root["resolve_condition"].is_missing and root["resolve_states"].is_missing,
    )


def state_of(word: str) -> AlertStatus | None:
    """What our own word for a state means; None for any other, and for the words of an end."""
    return _STATES.get(word)


def _optional(place: Field) -> Expression | None:
    return None if place.is_missing else compiled(place)


def _words(place: Field) -> frozenset[str]:
    if place.is_missing:
        return frozenset(RESOLVE_STATES)
    words = place.items()
    if len(words) > _MAX_WORDS:
        raise Malformed(place.path, f"at most {_MAX_WORDS} words", str(len(words)))
    return frozenset(word.word().lower() for word in words)


def _severities(place: Field) -> dict[str, Severity]:
    words = place.words()
    if len(words) > _MAX_WORDS:
        raise Malformed(place.path, f"at most {_MAX_WORDS} words", str(len(words)))
    for name, word in words.items():
        if word not in list(Severity):
            raise Malformed(f"{place.path}.{name}", f"one of {', '.join(Severity)}", repr(word))
    return {name.strip().lower(): Severity(word) for name, word in words.items()}


def from_dotted(path: str) -> str:
    """The JMESPath of an old dotted path: `event.checks.0.name` was `event.checks[0].name`."""
    found = ""
    for step in path.split("."):
        if step.isdecimal() and step.isascii() and found:
            found += f"[{int(step)}]"
        else:
            found += ("." if found else "") + _identifier(step)
    return found


def _identifier(name: str) -> str:
    is_plain = name.isascii() and name.isidentifier()
    return name if is_plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
