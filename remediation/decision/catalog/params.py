"""The parameters of every action: types and bounds, nothing extra, nothing coerced."""

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_REPLICAS = 20
_KEY = r"^[a-z][a-z0-9_]{0,39}$"

Revision = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@/-]{1,80}$")] | Annotated[int, Field(ge=0)]
# Not a pattern: what is sent to a target ends exactly where the value ends, without a new line.
Scalar = Annotated[str, Field(max_length=200)] | bool | int | float


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Restart(Params):
    """Replace the service's processes; takes nothing."""


class Reload(Params):
    """Let the service read its configuration again; takes nothing."""


class Scale(Params):
    replicas: int = Field(ge=1, le=MAX_REPLICAS, description="How many shall run.")


class Rollback(Params):
    """Go back to a revision; without one, to the revision before the present one."""

    to_revision: Revision | None = Field(
        default=None, title="Revision", description="Empty means the one before."
    )


class SetFlag(Params):
    flag: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")
    value: bool = Field(title="Flag value")


class Cordon(Params):
    """Close a node to new pods, or open it again; what runs there goes on."""

    node: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
        description="Empty: the one node that the target resolves to.",
    )
    schedulable: bool = Field(default=False, description="Whether new pods may be placed there.")


class Resize(Params):
    """Other limits for a container; at least one of the two."""

    memory_mb: int | None = Field(
        default=None, ge=32, le=65_536, title="Memory", description="MiB it may use."
    )
    cpus: float | None = Field(
        default=None,
        ge=0.05,
        le=64,
        allow_inf_nan=False,
        title="CPUs",
        description="Cores it may use.",
    )

    @model_validator(mode="after")
    def has_one(self) -> Self:
        if self.memory_mb is None and self.cpus is None:
            msg = "give memory_mb, cpus or both"
            raise ValueError(msg)
        return self


class EndQuery(Params):
    """One backend, named by pid and start; without both, the one that blocks the others."""

    pid: int | None = Field(default=None, ge=1, le=2_147_483_647, title="Backend pid")
    backend_start: str | None = Field(
        default=None,
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$",
        title="Backend start",
        description="ISO 8601 with the zone: a pid alone may be somebody else by now.",
    )

    @model_validator(mode="after")
    def names_it_fully(self) -> Self:
        if (self.pid is None) != (self.backend_start is None):
            msg = "pid and backend_start go together"
            raise ValueError(msg)
        return self


class Drain(Params):
    server: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,80}$", description="Its name in the backend.")
    state: Literal["drain", "maint", "ready"] = "drain"


def _plain_arguments(args: dict[str, Scalar]) -> dict[str, Scalar]:
    for name, value in args.items():
        if isinstance(value, float) and not math.isfinite(value):
            msg = f"{name} is not a number"
            raise ValueError(msg)
    return args


class RunScript(Params):
    """A script of the signed manifest; the manifest says which arguments it takes."""

    script: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    args: Annotated[
        dict[Annotated[str, Field(pattern=_KEY)], Scalar], AfterValidator(_plain_arguments)
    ] = Field(default_factory=dict, max_length=10, title="Arguments")
    undo: bool = Field(default=False, description="Run its undo instead, where it has one.")
