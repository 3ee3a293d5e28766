"""The form of a provider of models. The key never passes here: only the name of its variable."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict

from airra.env import EnvError
from analysis.models import ModelProvider
from analysis.queries.providers import key_of
from analysis.types import ProviderKind
from incidents.models import Workspace

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[ModelProvider]
else:
    BaseForm = forms.ModelForm

KINDS = (
    (ProviderKind.ANTHROPIC, "Anthropic: Messages API"),
    (ProviderKind.OPENAI, "OpenAI: Responses API"),
)


class ProviderForm(BaseForm):
    class Meta:
        model = ModelProvider
        fields = (
            "workspace",
            "kind",
            "name",
            "model",
            "effort",
            "base_url",
            "secret_ref",
            "rank",
            "input_usd",
            "output_usd",
            "is_enabled",
        )
        labels: ClassVar = {
            "kind": "Speaks",
            "base_url": "Address",
            "secret_ref": "Secret reference",
            "rank": "Asked as number",
            "input_usd": "Price of a million tokens in, US dollars",
            "output_usd": "Price of a million tokens out, US dollars",
            "is_enabled": "Switched on",
        }
        help_texts: ClassVar = {
            "name": "How it is called on every page.",
            "model": "As its vendor writes it, for example claude-opus-5-5 or gpt-6.1-sol.",
            "effort": "How much it thinks before it answers.",
            "base_url": "Empty for the vendor's own. A server of yours: http://host:11434.",
            "secret_ref": "CLAUDE for a key in AIRRA_SECRET_CLAUDE. Never the key itself.",
            "rank": "1 is asked first; the offline reasoner always stands behind the last.",
            "input_usd": "Empty: as published, where the model is known.",
            "output_usd": "Both, or neither.",
        }
        error_messages: ClassVar = {
            NON_FIELD_ERRORS: {
                "unique_together": "Another provider has this name: choose another one."
            }
        }

    def __init__(
        self,
        data: QueryDict | None,
        *,
        workspaces: Sequence[Workspace],
        instance: ModelProvider | None = None,
    ) -> None:
        super().__init__(data, instance=instance)
        here = [workspace.pk for workspace in workspaces]
        place = forms.ModelChoiceField(
            Workspace.objects.filter(pk__in=here),
            empty_label=None,
            initial=here[0] if here else None,
            widget=forms.HiddenInput if len(here) == 1 else forms.Select,
        )
        place.disabled = instance is not None
        self.fields["workspace"] = place
        self.fields["kind"] = forms.ChoiceField(choices=KINDS, label=self.Meta.labels["kind"])
        self.order_fields(self.Meta.fields)

    def clean_base_url(self) -> str:
        url = str(self.cleaned_data["base_url"]).strip()
        if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            msg = "An address begins with http:// or https:// and a host."
            raise forms.ValidationError(msg)
        return url

    def clean(self) -> dict[str, Any]:
        """Both prices or none, and a key that is there: without it the link could only fail."""
        found = super().clean() or self.cleaned_data
        if (found.get("input_usd") is None) != (found.get("output_usd") is None):
            self.add_error("output_usd", "Say both prices, or neither.")
        for name in ("input_usd", "output_usd"):
            if (found.get(name) or 0) < 0:
                self.add_error(name, "A price is not negative.")
        if not self.errors:
            ref, url, kind = found["secret_ref"].strip(), found["base_url"], found["kind"]
            try:
                key_of(ModelProvider(secret_ref=ref, base_url=url, kind=kind))
            except EnvError as error:
                self.add_error("secret_ref", f"{error}.")
        return found
