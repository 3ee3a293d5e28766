"""The form of a source. The secret itself never passes here: only the name of its variable."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict

from airra.env import EnvError, referenced_secret
from analysis.models import Connector
from analysis.queries.source_kinds import KINDS, address_problem
from incidents.models import Workspace

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Connector]
else:
    BaseForm = forms.ModelForm

TIMEOUTS_S = (0.5, 60.0)


class SourceForm(BaseForm):
    timeout_s = forms.FloatField(
        label="Time-out, in seconds",
        min_value=TIMEOUTS_S[0],
        max_value=TIMEOUTS_S[1],
        help_text="A source slower than this counts as failing.",
    )

    class Meta:
        model = Connector
        fields = (
            "workspace",
            "kind",
            "name",
            "url",
            "tenant",
            "secret_ref",
            "timeout_s",
            "leave_policy",
            "is_enabled",
        )
        labels: ClassVar = {
            "url": "Address",
            "secret_ref": "Secret reference",
            "leave_policy": "What may be sent to a model",
            "is_enabled": "Switched on",
        }
        error_messages: ClassVar = {
            NON_FIELD_ERRORS: {
                "unique_together": "Another source has this name: choose another one."
            }
        }
        help_texts: ClassVar = {
            "name": "How it is called on every page.",
            "url": "Where its API lies; which path is meant is said beside this form.",
            "tenant": "Only where the source has tenants.",
            "leave_policy": "Of logs, only templates and numbers, unless said otherwise.",
            "secret_ref": "PROM for a token in AIRRA_SECRET_PROM. Never the token itself.",
        }

    def __init__(
        self,
        data: QueryDict | None,
        *,
        workspaces: Sequence[Workspace],
        instance: Connector | None = None,
    ) -> None:
        super().__init__(data, instance=instance)
        here = [workspace.pk for workspace in workspaces]
        place = forms.ModelChoiceField(
            Workspace.objects.filter(pk__in=here),
            empty_label=None,
            initial=here[0] if here else None,
            widget=forms.HiddenInput if len(here) == 1 else forms.Select,
        )
        self.fields["workspace"] = place
        self.fields["kind"] = forms.ChoiceField(choices=Connector.Kind.choices)
        self.fields["leave_policy"] = forms.ChoiceField(
            choices=[("", "As its kind has it"), *Connector.Leaving.choices],
            required=False,
            label=self.Meta.labels["leave_policy"],
            help_text=self.Meta.help_texts["leave_policy"],
        )
        self.fields["url"].required = False
        self.fields["timeout_s"].initial = 10
        if instance is not None:
            # Detectors were written for what it speaks.
            self.fields["kind"].disabled = True
            place.disabled = True
        self.order_fields(self.Meta.fields)

    def clean_url(self) -> str:
        return str(self.cleaned_data["url"]).strip()

    def clean_secret_ref(self) -> str:
        """The variable has to be there already: a source without it could only fail."""
        ref = str(self.cleaned_data["secret_ref"]).strip()
        if ref:
            try:
                referenced_secret(ref)
            except EnvError as error:
                raise forms.ValidationError(f"{error}.") from error
        return ref

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        kind = found.get("kind")
        if kind in KINDS and "url" in found:
            problem = address_problem(kind, found["url"])
            if problem:
                self.add_error("url", problem)
            if found.get("tenant") and not KINDS[kind].has_tenant:
                self.add_error("tenant", "Sources of this kind have no tenants: leave it empty.")
        return found
