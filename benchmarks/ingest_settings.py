"""AIRRA's own settings, with the bare view of the comparison mounted beside our pages."""

from airra.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.ingest_urls"
