"""App config: connects what this app listens to."""

from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self) -> None:
        from analysis import receivers  # noqa: PLC0415 - Django's hook for connecting signals

        receivers.connect()
