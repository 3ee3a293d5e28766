"""App config: connects what this app listens to."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"
