"""Which executor carries out what. One kind so far: the signed HTTP action webhook."""

from remediation.execution.base import Executor
from remediation.execution.executors.webhook import WebhookExecutor


def executor(*, url: str, secret: str, timeout_s: float) -> Executor:
    """The executor of an endpoint. `timeout_s` bounds each phase of one call."""
    return WebhookExecutor(url, secret=secret, timeout_s=timeout_s)
