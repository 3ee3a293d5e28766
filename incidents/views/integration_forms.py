"""Forms of integrations. Secrets come in through one of them, and go out through none."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from incidents.commands.integration import MAX_OVERLAP_H, BadSetting
from incidents.models import Integration, Workspace

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}", re.ASCII)
_DEFAULTS = {f.name: f.default for f in Integration._meta.fields if isinstance(f.default, int)}
MAX_TOPICS = 100


def refuse(form: forms.Form, error: BadSetting) -> None:
    """Tell beside the field what the command did not take."""
    told = str(error)
    at = error.field if error.field in form.fields else None
    form.add_error(at, f"{told[:1].upper()}{told[1:]}.")


class Topics(forms.CharField):
    """ARNs, one a line."""

    def __init__(self) -> None:
        super().__init__(
            max_length=20_000,
            label="SNS topics",
            help_text="The ARNs of the topics that may deliver, one a line. Any other is refused.",
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        found = str(super().clean(value)).split()
        wrong = next((topic for topic in found if not _TOPIC.fullmatch(topic)), "")
        if wrong:
            msg = f"“{wrong[:80]}” is not the ARN of a topic."
            raise forms.ValidationError(msg)
        if len(found) > MAX_TOPICS:
            msg = f"At most {MAX_TOPICS} topics."
            raise forms.ValidationError(msg)
        return list(dict.fromkeys(found))


class IntegrationForm(forms.Form):
    """What an integration is called and what it is allowed; `kind` says what else it needs."""

    name = forms.CharField(max_length=100, help_text="How it is called on every page.")
    heartbeat_min = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=7 * 24 * 60,
        label="Expected at least every, in minutes",
        help_text="Silence for longer is an alert of its own. Empty: silence means nothing.",
    )
    rate_per_min = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        initial=_DEFAULTS["rate_per_min"],
        label="Deliveries a minute, at most",
        help_text="More are answered 429, and kept nowhere.",
    )
    max_body_kib = forms.IntegerField(
        min_value=1,
        max_value=_DEFAULTS["max_body_kib"],
        initial=_DEFAULTS["max_body_kib"],
        label="Size of a delivery, at most, in KiB",
        help_text="A larger one is answered 413, and kept nowhere.",
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        kind: str,
        workspaces: Sequence[Workspace] = (),
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        if kind == Integration.Kind.CLOUDWATCH_SNS:
            self.fields["topics"] = Topics()
            self.order_fields(["name", "topics"])
        if workspaces:
            here = [workspace.pk for workspace in workspaces]
            self.fields["workspace"] = forms.ModelChoiceField(
                Workspace.objects.filter(pk__in=here),
                empty_label=None,
                initial=here[0],
                widget=forms.HiddenInput if len(here) == 1 else forms.Select,
            )

    def refuse(self, error: BadSetting) -> None:
        refuse(self, error)

    def settings(self) -> dict[str, Any]:
        """What was filled in, under the names of the model, but for its name and place."""
        apart = {"name", "workspace"}
        return {name: value for name, value in self.cleaned_data.items() if name not in apart}


class _Overlap(forms.Form):
    """How long the old one holds beside the new one."""

    overlap_h = forms.FloatField(
        min_value=0,
        max_value=MAX_OVERLAP_H,
        initial=24,
        label="The old one holds for, in hours",
        help_text="Time to change the sender. 0 ends it now.",
    )

    def refuse(self, error: BadSetting) -> None:
        refuse(self, error)


class TokenForm(_Overlap):
    pass


class KeyForm(_Overlap):
    """A key that the sender made, or none: then AIRRA makes one."""

    def __init__(self, data: QueryDict | None, *, is_theirs: bool) -> None:
        super().__init__(data)
        self.fields["key"] = forms.CharField(
            required=is_theirs,
            max_length=500,
            label="Signing key",
            help_text="As the sender shows it." if is_theirs else "Empty: AIRRA makes one.",
            widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        )
        self.order_fields(["key", "overlap_h"])
