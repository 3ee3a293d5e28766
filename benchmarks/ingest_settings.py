"""AIRRA's own settings, with the bare view of the comparison mounted beside our pages."""

from airra.settings import *  # noqa: F403
from airra.settings import RECEIVERS as _OURS

ROOT_URLCONF = "benchmarks.ingest_urls"
RECEIVERS = (*_OURS, "/bare/")  # the same short way as a delivery's
