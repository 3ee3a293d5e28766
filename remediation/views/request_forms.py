"""The form of a wish: one to five actions of the catalogue, in the order they shall be done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from remediation.decision.catalog import CATALOG, MAX_REPLICAS, fields_of, spec_of
from remediation.execution.course import MAX_STEPS
from remediation.types import ActionRequest

_ACTIONS = [(key, key.replace("_", " ")) for key in CATALOG]
_NOTHING = ("", "nothing more")
_OWN_FIELD = {"replicas", "to_revision", "flag", "value"}
_TRUTHS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


class StepForm(forms.Form):
    """One action with its parameters; each action reads only the fields it knows."""

    action = forms.ChoiceField(choices=_ACTIONS)
    replicas = forms.IntegerField(
        min_value=1, max_value=MAX_REPLICAS, required=False, help_text="For scale."
    )
    to_revision = forms.CharField(
        max_length=80,
        required=False,
        label="Revision",
        help_text="For rollback; empty means the one before.",
    )
    flag = forms.CharField(max_length=80, required=False, help_text="For set flag.")
    value = forms.ChoiceField(
        choices=[("true", "on"), ("false", "off")],
        required=False,
        label="Flag value",
        help_text="For set flag.",
    )
    others = forms.CharField(
        max_length=1000,
        required=False,
        label="Other parameters",
        help_text="For the other actions, one a line: server = web2.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )

    def __init__(
        self, data: QueryDict | None, *, services: Sequence[str], first: str, position: int
    ) -> None:
        super().__init__(data, prefix=None if position == 1 else f"step{position}")
        self.position = position
        if position > 1:
            self.fields["action"] = forms.ChoiceField(choices=[_NOTHING, *_ACTIONS], required=False)
        self.fields["service"] = forms.ChoiceField(
            choices=[(name, name) for name in services], initial=first
        )
        self.fields["service"].required = position == 1
        self.order_fields(["action", "service"])

    @property
    def is_open(self) -> bool:
        """Whether it is shown unfolded: it is needed, used or wrong."""
        return self.position == 1 or self.is_used() or bool(self.errors)

    def is_used(self) -> bool:
        return bool(self["action"].value())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("action") and not data.get("service") and "service" not in self.errors:
            self.add_error("service", "Say which service it is for.")
        if data.get("action") and "others" in data:
            data["others"] = self._others(data["action"], data["others"])
        return data

    def _others(self, action: str, text: str) -> dict[str, Any]:
        known = {field.name: field.kind for field in fields_of(spec_of(action))}
        found: dict[str, Any] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            name, is_told, value = (part.strip() for part in line.partition("="))
            if not is_told or name not in known.keys() - _OWN_FIELD:
                names = ", ".join(sorted(known.keys() - _OWN_FIELD)) or "none"
                self.add_error("others", f"{name[:40]}: {action} takes here: {names}.")
                continue
            try:
                found[name] = _READ.get(known[name], str)(value)
            except (KeyError, ValueError):
                self.add_error("others", f"{name}: {value[:40]} is no {known[name]}.")
        return found

    def request(self) -> ActionRequest:
        """What is asked for, of what was filled in. The catalogue checks it."""
        data = self.cleaned_data
        given: Mapping[str, Any] = {
            "replicas": data["replicas"],
            "to_revision": data["to_revision"],
            "flag": data["flag"],
            "value": data["value"] == "true",
            **data["others"],
        }
        known = CATALOG[data["action"]].params.model_fields
        params = {n: v for n, v in given.items() if n in known and v not in (None, "")}
        return ActionRequest(data["action"], data["service"], params)


_READ: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": lambda text: _TRUTHS[text.casefold()],
}


class RequestForm:
    """The steps of one wish: the first, and up to four that may follow it."""

    def __init__(self, data: QueryDict | None, *, services: Sequence[str], first: str) -> None:
        self.steps = [
            StepForm(data, services=services, first=first, position=position)
            for position in range(1, MAX_STEPS + 1)
        ]
        self.is_bound = data is not None

    @property
    def first(self) -> StepForm:
        """The step that also carries what is wrong with all of them."""
        return self.steps[0]

    @property
    def used(self) -> list[StepForm]:
        return [step for step in self.steps if step.position == 1 or step.is_used()]

    def is_valid(self) -> bool:
        wrong = [step for step in self.used if not step.is_valid()]  # each says what is wrong
        return not wrong

    def requests(self) -> list[ActionRequest]:
        return [step.request() for step in self.used]
