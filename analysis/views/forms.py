"""Forms of this app."""

from django import forms


class VerdictForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        required=False,
        label="What you saw",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Goes to the timeline and the audit log.",
    )
