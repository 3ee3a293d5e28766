"""Forms of this app."""

from django import forms
from django.http import QueryDict

from analysis.types import Mechanism
from incidents.models import Service, Workspace


class VerdictForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        required=False,
        label="What you saw",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Goes to the timeline and the audit log.",
    )


class SteerForm(forms.Form):
    text = forms.CharField(
        max_length=500,
        label="Steer it",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="A hint where to look. It guides, and is never taken for evidence.",
    )


class HypothesisForm(forms.Form):
    """What a person thinks it is: where, how, and in a sentence."""

    mechanism = forms.ChoiceField(
        choices=[(m.value, m.value.replace("_", " ").capitalize()) for m in Mechanism],
        label="What kind of fault",
    )
    statement = forms.CharField(
        max_length=300,
        label="What you think happened",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="AIRRA looks for what speaks for and against it, as for every other.",
    )

    def __init__(
        self, data: QueryDict | None, *, workspace: Workspace, service: Service | None
    ) -> None:
        super().__init__(data)
        known = Service.objects.filter(workspace=workspace, retired_at__isnull=True)
        self.fields["service"] = forms.ModelChoiceField(
            known.order_by("name"),
            empty_label=None,
            initial=service.pk if service else None,
            label="Where the cause is",
        )
        self.order_fields(["service", "mechanism", "statement"])
