"""Forms of this app. Their errors are shown beside the field, with status 422."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import TextChoices
from django.http import QueryDict

from incidents.lifecycle import Severity
from incidents.models import Service, Workspace


class NewIncidentForm(forms.Form):
    title = forms.CharField(max_length=200, label="What is wrong")
    severity = forms.ChoiceField(
        choices=[(s.value, s.capitalize()) for s in Severity], initial=Severity.HIGH.value
    )
    description = forms.CharField(
        required=False,
        label="What you know so far",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="For people; AIRRA looks at the signals itself.",
    )

    def __init__(self, data: QueryDict | None, *, workspaces: Sequence[Workspace]) -> None:
        super().__init__(data)
        here = [workspace.pk for workspace in workspaces]
        self.fields["service"] = forms.ModelChoiceField(
            Service.objects.filter(workspace__in=here, retired_at__isnull=True),
            required=False,
            empty_label="Not known yet",
            help_text="Where the trouble shows; the cause may lie elsewhere.",
        )
        self.fields["workspace"] = forms.ModelChoiceField(
            Workspace.objects.filter(pk__in=here),
            empty_label=None,
            initial=here[0] if here else None,
            widget=forms.HiddenInput if len(here) == 1 else forms.Select,
        )


class ReasonForm(forms.Form):
    """One sentence of why, for the record."""

    reason = forms.CharField(max_length=300, widget=forms.Textarea(attrs={"rows": 3}))


class DependencyForm(forms.Form):
    """A call that sources do not show."""

    class Way(TextChoices):
        CALLS = "calls", "It calls"
        CALLED_BY = "called_by", "It is called by"

    way = forms.ChoiceField(choices=Way.choices, label="Direction")

    def __init__(self, data: QueryDict | None, *, service: Service) -> None:
        super().__init__(data)
        others = Service.objects.filter(workspace=service.workspace_id, retired_at__isnull=True)
        self.fields["other"] = forms.ModelChoiceField(
            others.exclude(pk=service.pk), label="The other service", empty_label="Choose"
        )
        self.fields["reason"] = forms.CharField(
            max_length=300,
            label="How you know",
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text="Goes to the audit log and is shown beside the call.",
        )


class NoteForm(forms.Form):
    text = forms.CharField(
        max_length=5000, label="Add a note", widget=forms.Textarea(attrs={"rows": 3})
    )


class Member(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    def label_from_instance(self, obj: User) -> str:
        return obj.get_full_name() or obj.get_username()


class AssignForm(forms.Form):
    def __init__(
        self, data: QueryDict | None, *, people: Sequence[User], initial: dict[str, Any]
    ) -> None:
        super().__init__(data, initial=initial)
        self.fields["owner"] = Member(
            User.objects.filter(pk__in=[person.pk for person in people]),
            required=False,
            empty_label="Nobody",
        )


class SaveViewForm(forms.Form):
    name = forms.CharField(max_length=60, label="Name of the view")
    query = forms.CharField(max_length=500, required=False, widget=forms.HiddenInput())
