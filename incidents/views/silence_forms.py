"""The form of a silence, and what it is filled in with."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from airra.lib import clock
from incidents.commands.silence import Wanted
from incidents.ingest.matching import BadMatcher, Matcher, Op, as_lines, read_lines
from incidents.models import Alert, Service, Silence, Workspace
from incidents.queries.silences import one_service, shared_words

USUAL = timedelta(hours=2)
_SHAPE = "%Y-%m-%dT%H:%M"


class Moment(forms.DateTimeField):
    """A minute in UTC, as a browser's own picker gives it."""

    def __init__(self, **kwargs: Any) -> None:
        picker = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_SHAPE)
        super().__init__(widget=picker, input_formats=[_SHAPE, f"{_SHAPE}:%S"], **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        found = super().to_python(value)
        return found.replace(tzinfo=UTC) if found is not None else None


class SilenceForm(forms.Form):
    reason = forms.CharField(max_length=300, label="Why", help_text="Shown at each alert it keeps.")
    kind = forms.ChoiceField(choices=Silence.Kind.choices, label="As")
    matchers = forms.CharField(
        required=False,
        label="Labels, one a line; all have to hold",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="region = eu-1, env != test, host =~ db-.*, host !~ db-9.*",
    )
    starts_at = Moment(label="From (UTC)")
    ends_at = Moment(label="Until (UTC)", help_text="At most 30 days later.")
    replays = forms.BooleanField(
        required=False, label="Take in what still fires when it is over", initial=True
    )

    def __init__(
        self, data: QueryDict | None, *, workspaces: Sequence[Workspace], initial: dict[str, Any]
    ) -> None:
        super().__init__(data, initial=initial)
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
        self.order_fields(["reason", "kind", "service"])

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
        return cleaned

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


def _is_one_line(matcher: Matcher) -> bool:
    """Whether it reads as itself: labels come from outside and may hold anything."""
    try:
        return read_lines(str(matcher)) == (matcher,)
    except BadMatcher:
        return False


def filled_in(alerts: Sequence[Alert], service: Service | None) -> dict[str, Any]:
    """From now, for the usual time, for what these alerts share, or for a service."""
    now = clock.now().replace(second=0, microsecond=0)
    filled: dict[str, Any] = {"starts_at": now, "ends_at": now + USUAL}
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
