"""The form of a silence, and what it is filled in with."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from airra.lib import clock, zones
from airra.lib.zones import NotATime
from incidents.commands.silence import Wanted
from incidents.ingest.matching import BadMatcher, Matcher, Op, as_lines, read_lines
from incidents.models import Alert, Service, Silence, Workspace
from incidents.queries.silences import one_service, shared_words

_SHAPE = "%Y-%m-%dT%H:%M"
_HOURS = {"1h": 1, "2h": 2, "4h": 4}
USUAL = "2h"
MORNING = time(9)
OWN = "own"


class Moment(forms.DateTimeField):
    """A minute as a clock on the wall shows it; the form's zone says which moment that is."""

    def __init__(self, **kwargs: Any) -> None:
        picker = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_SHAPE)
        shapes = [_SHAPE, f"{_SHAPE}:%S"]
        super().__init__(widget=picker, input_formats=shapes, required=False, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        found = super().to_python(value)
        return found.replace(tzinfo=None) if found is not None else None


class SilenceForm(forms.Form):
    """`lasts` is one of the quick choices, which begin now, or the two times given by hand."""

    reason = forms.CharField(max_length=300, label="Why", help_text="Shown at each alert it keeps.")
    kind = forms.ChoiceField(choices=Silence.Kind.choices, label="As")
    matchers = forms.CharField(
        required=False,
        label="Labels, one a line; all have to hold",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Such as region = eu-1 or host =~ db-.*; the others are != and !~.",
    )
    starts_at = Moment(label="From", help_text="Empty: from now.")
    ends_at = Moment(label="Until", help_text="At most 30 days later.")
    replays = forms.BooleanField(
        required=False, label="Take in what still fires when it is over", initial=True
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        workspaces: Sequence[Workspace],
        initial: dict[str, Any],
        zone: ZoneInfo,
    ) -> None:
        super().__init__(data, initial={"zone": zone.key, "lasts": USUAL} | initial)
        here = [workspace.pk for workspace in workspaces]
        self.fields["service"] = forms.ModelChoiceField(
            Service.objects.filter(workspace__in=here, retired_at__isnull=True),
            required=False,
            empty_label="Any service",
        )
        self.fields["workspace"] = forms.ModelChoiceField(
            Workspace.objects.filter(pk__in=here),
            empty_label=None,
            initial=here[0] if here else None,
            widget=forms.HiddenInput if len(here) == 1 else forms.Select,
        )
        now = clock.now()
        asked = zones.named(str(data.get("zone", ""))) if data else None
        self.fields["lasts"] = forms.ChoiceField(
            choices=_lengths(asked or zone, now),
            required=False,
            label="For how long",
            widget=forms.RadioSelect,
        )
        self.fields["zone"] = forms.ChoiceField(
            choices=[(name, _named(name, now)) for name in zones.names()],
            required=False,
            label="Times are in",
        )

    def clean_matchers(self) -> tuple[Matcher, ...]:
        try:
            return read_lines(self.cleaned_data["matchers"])
        except BadMatcher as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        service, workspace = cleaned.get("service"), cleaned.get("workspace")
        if service and workspace and service.workspace_id != workspace.pk:
            self.add_error("service", "This service is of another workspace.")
        self._time(cleaned)
        return cleaned

    def _time(self, cleaned: dict[str, Any]) -> None:
        """Put the two moments in place of what was chosen; older callers send UTC alone."""
        zone = ZoneInfo(cleaned.get("zone") or "UTC")
        lasts = cleaned.get("lasts") or OWN
        if lasts != OWN:
            now = clock.now()
            cleaned |= {"starts_at": now, "ends_at": _end_of(lasts, zone, now)}
            return
        for name in ("starts_at", "ends_at"):
            if name in cleaned:
                self._read(name, zone, cleaned)

    def _read(self, name: str, zone: ZoneInfo, cleaned: dict[str, Any]) -> None:
        wall = cleaned[name]
        if wall is None and name == "ends_at":
            self.add_error(name, "Say until when.")
        elif wall is None:
            cleaned[name] = clock.now()
        else:
            try:
                cleaned[name] = zones.moment(wall, zone)
            except NotATime as error:
                self.add_error(name, f"{str(error)[:1].upper()}{str(error)[1:]}.")

    def wanted(self) -> Wanted:
        cleaned = self.cleaned_data
        return Wanted(
            reason=cleaned["reason"],
            kind=cleaned["kind"],
            service=cleaned["service"],
            matchers=cleaned["matchers"],
            starts_at=cleaned["starts_at"],
            ends_at=cleaned["ends_at"],
            replays=cleaned["replays"],
        )


def _named(name: str, now: datetime) -> str:
    offset = zones.offset(ZoneInfo(name), now)
    return name if name == offset else f"{name} ({offset})"


def _lengths(zone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    """The quick choices. A morning is named by its date, which midnight does not move."""
    here = now.astimezone(zone)
    mornings = [("tomorrow", here.date() + timedelta(days=1))]
    if here.time() < MORNING:  # what somebody awake at three calls the morning
        mornings.insert(0, ("today", here.date()))
    return [
        *((key, f"{count} hour{'s' if count > 1 else ''}") for key, count in _HOURS.items()),
        *((f"{day}", f"Until 9:00 {word}, {day:%a} {day.day} {day:%b}") for word, day in mornings),
        (OWN, "Between two times"),
    ]


def _end_of(lasts: str, zone: ZoneInfo, now: datetime) -> datetime:
    if lasts in _HOURS:
        return now + timedelta(hours=_HOURS[lasts])
    return datetime.combine(date.fromisoformat(lasts), MORNING, zone).astimezone(UTC)


def _is_one_line(matcher: Matcher) -> bool:
    """Whether it reads as itself: labels come from outside and may hold anything."""
    try:
        return read_lines(str(matcher)) == (matcher,)
    except BadMatcher:
        return False


def filled_in(alerts: Sequence[Alert], service: Service | None) -> dict[str, Any]:
    """For what these alerts share, or for a service."""
    filled: dict[str, Any] = {}
    if service is not None:
        filled |= {"service": service.pk, "workspace": service.workspace_id}
    if alerts:
        about = one_service(alerts)
        known = {"severity", "service"} if about else {"severity"}
        words = {name: v for name, v in shared_words(alerts).items() if name not in known}
        shared = [Matcher(name, Op.IS, value) for name, value in sorted(words.items())]
        shared = [one for one in shared if _is_one_line(one)]
        filled |= {
            "service": about,
            "workspace": alerts[0].workspace_id,
            "matchers": as_lines(shared),
        }
    return filled
