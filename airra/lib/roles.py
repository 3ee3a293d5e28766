"""What this process is for: only the executor asks targets and changes them.

`AIRRA_ROLE` says it. A process that is handed another role's work refuses, so that a wrong
`--queues` on the command line cannot put production's credentials beside the reasoner.
"""

from enum import StrEnum

from django.conf import settings


class Role(StrEnum):
    ALL = "all"  # the embedded default: one process for everything
    WEB = "web"
    WORKER = "worker"
    EXECUTOR = "executor"
    BEAT = "beat"


_WHO_DOES = {
    "default": frozenset({Role.ALL, Role.WORKER}),
    "slow": frozenset({Role.ALL, Role.WORKER}),
    "act": frozenset({Role.ALL, Role.EXECUTOR}),
}


class WrongRole(RuntimeError):
    """This process must not do that; nothing was done."""


def require_role(queue: str) -> None:
    """Raises `WrongRole` unless this process may do the work of `queue`."""
    role = Role(settings.ROLE)
    if role not in _WHO_DOES[queue]:
        allowed = " or ".join(sorted(_WHO_DOES[queue]))
        msg = f"AIRRA_ROLE is {role}: the work of the queue {queue!r} is for {allowed}"
        raise WrongRole(msg)
