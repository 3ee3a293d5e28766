"""The way out to the targets: the executor of an endpoint, its secret read at the last moment."""

from airra.env import EnvError, referenced_secret
from airra.lib.roles import require_role
from incidents.models import Workspace
from remediation.execution.base import (
    Connection,
    Executor,
    ExecutorError,
    ServiceDescription,
    UnknownService,
)
from remediation.execution.registry import BadOptions, executor
from remediation.models import ActionEndpoint
from remediation.types import ExecutorKind

MAX_TIMEOUT_S = 20.0


def executor_of(endpoint: ActionEndpoint) -> Executor:
    """Raises `ExecutorError` when the endpoint is off or its secret is not to be had.

    Raises `WrongRole` in a process that is not the executor: no target is asked from there.
    """
    require_role("act")
    if not endpoint.is_enabled:
        msg = f"the endpoint {endpoint.name} is switched off"
        raise ExecutorError(msg)
    try:
        secret = referenced_secret(endpoint.secret_ref)
    except EnvError as error:
        msg = f"the endpoint {endpoint.name} has no secret: {error}"
        raise ExecutorError(msg) from error
    connection = Connection(
        url=endpoint.url,
        secret=secret,
        timeout_s=min(endpoint.timeout_s, MAX_TIMEOUT_S),
        options=endpoint.options,
    )
    try:
        return executor(ExecutorKind(endpoint.kind), connection)
    except BadOptions as error:
        msg = f"the endpoint {endpoint.name} is set up wrongly: {error}"
        raise ExecutorError(msg) from error


def find(
    workspace: Workspace, service: str, action: str
) -> tuple[ActionEndpoint, ServiceDescription]:
    """The first endpoint that knows the service and can do the action there.

    Raises `ExecutorError`: with every no when none knows it, or that none can.
    """
    known = that_know(workspace, service)
    for endpoint, description in known:
        if not description.actions or action in description.actions:
            return endpoint, description
    names = ", ".join(endpoint.name for endpoint, _ in known)
    msg = f"{action} of {service} is possible on none of: {names}"
    raise ExecutorError(msg)


def that_know(
    workspace: Workspace, service: str
) -> list[tuple[ActionEndpoint, ServiceDescription]]:
    """The enabled endpoints that know the service, by name: a cluster and a load balancer may both.

    Raises `ExecutorError` with every no when there is none.
    """
    known, refusals = [], []
    endpoints = ActionEndpoint.objects.filter(workspace=workspace, is_enabled=True)
    for endpoint in endpoints.order_by("name"):
        try:
            known.append((endpoint, executor_of(endpoint).describe(service)))
        except ExecutorError as error:
            refusals.append((f"{endpoint.name}: {error}", isinstance(error, UnknownService)))
    if known:
        return known
    if not refusals:
        msg = "no action endpoint is connected"
        raise ExecutorError(msg)
    message = "; ".join(text for text, _ in refusals)
    if all(is_unknown for _, is_unknown in refusals):
        raise UnknownService(message)
    raise ExecutorError(message)
