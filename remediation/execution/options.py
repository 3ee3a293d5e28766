"""What an admin may set for each kind of endpoint. Light: the web process reads it, and acts not.

Keys and passwords are never here: they are the endpoint's secret, read by the executor process.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remediation.types import ExecutorKind

_SERVICE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,119}$"
_UNIT = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,90}\.service$"
_KUBERNETES = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
_NAME = r"^[A-Za-z0-9_.:-]{1,80}$"

Service = Annotated[str, Field(pattern=_SERVICE)]
Names = Annotated[dict[Service, Annotated[str, Field(pattern=_NAME)]], Field(min_length=1)]


class BadOptions(ValueError):
    """Not what this kind of endpoint takes; the message names the field."""


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Webhook(Options):
    """Nothing to set: the address says it all."""


class Kubernetes(Options):
    """A namespace of a cluster: which workload each service is, and who acts."""

    namespace: str = Field(default="default", pattern=_KUBERNETES)
    label: str = Field(
        default="app.kubernetes.io/name",
        pattern=r"^([A-Za-z0-9./_-]{1,316})?$",
        description="Its value is the service's name; empty: the workload itself is named so.",
    )
    service_account: str = Field(
        default="",
        pattern=rf"^$|{_KUBERNETES}",
        description="Of the namespace. Each action gets a token of its own; empty: the secret is.",
    )


class Docker(Options):
    """An engine: which containers a service is, and how long one may take to stop."""

    label: str = Field(
        default="com.docker.compose.service",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]{0,200}$",
        description="Its value is the service's name.",
    )
    project: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_-]{0,100})?$",
        description="Of compose; empty: any.",
    )
    stop_timeout_s: int = Field(default=10, ge=0, le=60)
    max_targets: int = Field(default=10, ge=1, le=50)


class Systemd(Options):
    """A host over SSH: its pinned key, and which unit each service is there."""

    host_key: str = Field(
        pattern=r"^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+=*$",
        max_length=1200,
        description="Public host key, as ssh-keyscan prints it after the host name.",
    )
    units: Annotated[
        dict[Service, Annotated[str, Field(pattern=_UNIT)]], Field(min_length=1, max_length=200)
    ]


class Postgres(Options):
    """A database cluster: which database each service is, and whose backends are never ended."""

    databases: Annotated[
        dict[Service, Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]],
        Field(min_length=1, max_length=200),
    ]
    cancel_wait_s: float = Field(default=5, ge=0.2, le=10)
    blocked_for_s: float = Field(
        default=10, ge=0, le=3600, description="A backend that held others up less is left alone."
    )
    never_roles: list[Annotated[str, Field(max_length=63)]] = Field(
        default_factory=list, max_length=50
    )
    never_applications: list[Annotated[str, Field(max_length=63)]] = Field(
        default=["pg_dump", "pg_basebackup"], max_length=50
    )
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    sslrootcert: str = Field(default="system", max_length=300)


class Haproxy(Options):
    """A load balancer: which backend each service is, and how much the rest may carry."""

    backends: Names
    keep: int = Field(default=1, ge=1, le=100, description="Servers that must stay in, at least.")
    most_share: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Of the rest's session limit, what it may have to carry afterwards.",
    )


class Script(Options):
    """A directory of signed scripts: who signed it, and what a run may use."""

    public_key: str = Field(
        pattern=r"^[A-Za-z0-9+/]{43}=$", description="Ed25519, 32 bytes in base64."
    )
    services: dict[Service, list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]]] = (
        Field(min_length=1, max_length=200)
    )
    limit_s: float = Field(default=60, ge=0.1, le=120, description="Longest run of one verb.")
    memory_mb: int = Field(default=512, ge=32, le=8192)


OPTIONS: dict[ExecutorKind, type[BaseModel]] = {
    ExecutorKind.WEBHOOK: Webhook,
    ExecutorKind.KUBERNETES: Kubernetes,
    ExecutorKind.DOCKER: Docker,
    ExecutorKind.SYSTEMD: Systemd,
    ExecutorKind.POSTGRES: Postgres,
    ExecutorKind.HAPROXY: Haproxy,
    ExecutorKind.SCRIPT: Script,
}


_K = ExecutorKind
# How the address of each kind begins.
SCHEMES: dict[ExecutorKind, tuple[str, ...]] = {
    _K.WEBHOOK: ("https://", "http://"),
    _K.KUBERNETES: ("https://", "http://"),
    _K.DOCKER: ("unix://", "tcp://", "https://", "http://"),
    _K.SYSTEMD: ("ssh://",),
    _K.POSTGRES: ("postgresql://", "postgres://"),
    _K.HAPROXY: ("unix://", "tcp://"),
    _K.SCRIPT: ("file:///",),
}


def checked(model: type[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they are stored. Raises `BadOptions`."""
    try:
        return model.model_validate(dict(options)).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        msg = f"{where}: {first['msg']}"
        raise BadOptions(msg) from error
