"""Template builtins: icons, pills, times and numbers. What a template may not compute itself."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from airra.lib import clock, quantities, zones

register = template.Library()

# The look of a word: icon and tone. Colour never stands alone; the word is always there.
_SEVERITIES = {
    "critical": "octagon-alert",
    "high": "triangle-alert",
    "medium": "info",
    "low": "info",
    "info": "info",
}
_TONES = {
    # incident states
    "acknowledged": "tone-blue",
    "analysing": "tone-violet",
    "awaiting_approval": "tone-amber",
    "executing": "tone-amber",
    "verifying": "tone-green",
    "no_safe_action": "tone-red",
    "resolved": "tone-green",
    # hypothesis states and verdicts
    "proposed": "tone-blue",
    "supported": "tone-green",
    "refuted": "tone-red",
    "confirmed": "tone-green",
    "ruled_out": "tone-red",
    # what came of an investigation
    "root_cause_identified": "tone-green",
    "best_effort": "tone-blue",
    "blocked": "tone-amber",
    "could_not_investigate": "tone-red",
    "cancelled": "tone-amber",
    "running": "tone-violet",
    # calls to models
    "sent": "tone-green",
    "replayed": "tone-blue",
    # plans, approvals, executions
    "pending": "tone-amber",
    "approved": "tone-green",
    "rejected": "tone-red",
    "returned": "tone-amber",
    "expired": "tone-amber",
    "void": "tone-amber",
    "intent": "tone-amber",
    "unknown": "tone-red",
    "succeeded": "tone-green",
    "done": "tone-green",
    "match": "tone-green",
    "partial": "tone-amber",
    "deviated": "tone-red",
    "deviation": "tone-red",
    "failed": "tone-red",
    "stale": "tone-amber",
    "undone": "tone-amber",
    # risk bands
    "low": "tone-green",
    "medium": "tone-amber",
    "high": "tone-red",
    "extreme": "tone-red",
    # health, alerts, evidence
    "ok": "tone-green",
    "answers": "tone-green",
    "anomalous": "tone-red",
    "affected": "tone-red",
    "firing": "tone-red",
    "no_data": "tone-amber",
    "error": "tone-red",
    "denied": "tone-red",
    "muted": "tone-amber",
    "snoozed": "tone-amber",
    "failing": "tone-red",
    "paused": "tone-amber",
    "waiting": "tone-blue",
}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One symbol of the sprite; decoration unless it is given a label."""
    url = static("icons/sprite.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            label,
            url,
            name,
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', url, name)


@register.simple_tag
def service_url(name: str) -> str:
    """The page of a service, whatever its sender calls it: `team/payments` stays one segment."""
    return reverse("incidents:service", args=[quote(str(name), safe="")])


@register.simple_tag
def severity(value: str) -> SafeString:
    mark = icon(_SEVERITIES.get(value, "info"))
    return format_html('<span class="pill {}">{}{}</span>', value, mark, words(value))


@register.simple_tag
def state(value: str, label: str = "") -> SafeString:
    """A pill for any state: tone by meaning, the word always."""
    return format_html(
        '<span class="pill {}">{}</span>', _TONES.get(value, ""), label or words(value)
    )


@register.filter
def words(value: object) -> str:
    """awaiting_approval as "Awaiting approval"."""
    text = str(value).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


@register.filter
def tone(value: object) -> str:
    return _TONES.get(str(value), "")


def _time(at: datetime | None, text: str, mode: str) -> SafeString:
    if at is None:
        return format_html('<span class="muted">{}</span>', "never")
    return format_html(
        '<time datetime="{}" title="{}" data-time="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        mode,
        text,
    )


@register.filter
def ago(at: datetime | None) -> SafeString:
    """Relative, exact on hover, kept fresh by times.js."""
    return _time(at, quantities.ago(at, clock.now()) if at else "", "ago")


@register.filter
def expiry(at: datetime) -> SafeString:
    """Expires in 4 m, or expired 4 m ago."""
    word = "expires" if at > clock.now() else "expired"
    return _time(at, f"{word} {quantities.ago(at, clock.now())}", "expiry")


@register.filter
def age(at: datetime | None) -> SafeString:
    """How long it has lasted: 4 m."""
    return _time(at, quantities.span((clock.now() - at).total_seconds()) if at else "", "age")


@register.filter
def at_clock(at: datetime | None) -> SafeString:
    """The time of day; with the date when it is not today."""
    if at is None:
        return _time(at, "", "clock")
    shape = "%H:%M:%S UTC" if at.date() == clock.now().date() else "%d %b %H:%M:%S UTC"
    return _time(at, f"{at:{shape}}", "clock")


@register.filter
def at_short(at: datetime) -> SafeString:
    """Hours and minutes, for a strip where room is short."""
    return _time(at, f"{at:%H:%M}", "clock")


@register.filter
def at_minute(at: datetime | None) -> SafeString:
    """The minute, where seconds would claim too much; with the date when it is not today."""
    if at is None:
        return _time(at, "", "clock")
    shape = "%H:%M" if at.date() == clock.now().date() else "%d %b %H:%M"
    return _time(at, f"{at:{shape}}", "clock")


@register.simple_tag
def in_zone(at: datetime, zone: str, *, where: bool = True) -> SafeString:
    """A minute on the clocks of a zone and, beside it, in UTC: where a date is to be agreed on.

    Without `where` the page names the zone.
    """
    here = at.astimezone(zones.named(zone) or UTC)
    told = f"{here:%d %b %H:%M}" + (f" {zone}" if where else "")
    if here.utcoffset() == timedelta(0):
        return _time(at, f"{at:%d %b %H:%M} UTC", "clock")
    also = f"{at:%H:%M} UTC" if at.date() == here.date() else f"{at:%d %b %H:%M} UTC"
    return format_html(
        '{} <span class="small muted nowrap">{}</span>', _time(at, told, "clock"), also
    )


@register.filter
def risk_tone(band: str) -> str:
    return _TONES.get(band, "")


@register.filter
def pairs(told: Mapping[str, object]) -> list[tuple[str, object]]:
    """Names with values. `.items` would be the value of the one that a sender has named "items"."""
    return list(told.items())


@register.filter
def styled(field: BoundField) -> SafeString:
    """The control of a form field, in the house's look."""
    return field.as_widget(attrs={"class": "input"})


@register.filter
def percent(share: float | None) -> str:
    return "not known" if share is None else quantities.percent(share)


@register.filter
def hundredths(share: float) -> int:
    """For <meter max="100">: a whole number, never in a locale's notation."""
    return round(share * 100)


@register.filter
def confidence_word(share: float) -> str:
    return quantities.confidence_word(share)


@register.simple_tag
def quantity(value: float | None, unit: str = "") -> str:
    return quantities.quantity(value, unit)


@register.filter
def money(usd: float) -> str:
    return quantities.money(usd)


@register.filter
def span(seconds: float) -> str:
    return quantities.span(seconds)
