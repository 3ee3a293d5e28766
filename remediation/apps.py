"""App config: connects what this app listens to."""

from django.apps import AppConfig


class RemediationConfig(AppConfig):
    name = "remediation"

    def ready(self) -> None:
        from remediation import receivers  # noqa: PLC0415 - Django's hook for connecting signals

        receivers.connect()
