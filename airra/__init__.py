"""AIRRA: the roof. Importing it makes the Celery application the current one."""

from airra.celery import app as celery_app

__all__ = ["celery_app"]
