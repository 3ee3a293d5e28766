"""The limits of a container: how they read, and what other limits would be. Pure.

An engine takes 0 as "leave it", so a limit that is not there now could be set and never be taken
away again: without an exact way back it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from remediation.execution.base import ExecutorError

_MIB = 1024 * 1024
_NANO = 1_000_000_000
_PERIOD = 100_000  # microseconds, where the container names none


@dataclass(frozen=True)
class Limits:
    """As the engine keeps them; 0 is no limit, a swap of -1 any amount."""

    memory: int  # bytes
    swap: int  # bytes, of memory and swap together
    nano_cpus: int
    quota: int  # microseconds a period: the other way to write CPUs
    period: int

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Self:
        host = info.get("HostConfig") or {}
        names = ("Memory", "MemorySwap", "NanoCpus", "CpuQuota", "CpuPeriod")
        return cls(*(int(host.get(name) or 0) for name in names))

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` wrote. Raises `ExecutorError`."""
        try:
            return cls(*(int(part.rpartition(" ")[2]) for part in text.split(", ")))
        except (ValueError, TypeError) as error:
            msg = f"{text[:80]!r} are no limits"
            raise ExecutorError(msg) from error

    def __str__(self) -> str:
        return (
            f"memory {self.memory}, swap {self.swap}, nanocpus {self.nano_cpus}, "
            f"quota {self.quota}, period {self.period}"
        )

    @property
    def cpus(self) -> float:
        if self.nano_cpus:
            return self.nano_cpus / _NANO
        return max(self.quota, 0) / (self.period or _PERIOD)

    def with_(self, params: Mapping[str, Any]) -> "Limits":
        """What they would be. Raises `ExecutorError` where there would be no exact way back."""
        wanted: Limits = self
        if params.get("memory_mb") is not None:
            if not self.memory:
                msg = "it has no memory limit now, and a new one could not be taken away again"
                raise ExecutorError(msg)
            memory = round(params["memory_mb"] * _MIB)
            # As much swap on top as now.
            swap = self.swap + memory - self.memory if self.swap > 0 else self.swap
            wanted = replace(wanted, memory=memory, swap=swap)
        if params.get("cpus") is not None:
            wanted = _with_cpus(wanted, params["cpus"])
        if wanted == self:
            msg = "it has these limits already"
            raise ExecutorError(msg)
        return wanted

    def changes_to(self, wanted: "Limits") -> dict[str, int]:
        """The body of an update: memory and swap always together, as the engine demands."""
        body: dict[str, int] = {}
        if (wanted.memory, wanted.swap) != (self.memory, self.swap):
            body |= {"Memory": wanted.memory, "MemorySwap": wanted.swap}
        if wanted.nano_cpus != self.nano_cpus:
            body["NanoCpus"] = wanted.nano_cpus
        if wanted.quota != self.quota:
            body["CpuQuota"] = wanted.quota
        return body

    def view(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the diff that a request touches."""
        shown: dict[str, Any] = {}
        if params.get("memory_mb") is not None:
            shown["memory_mb"] = _mib(self.memory)
            shown["memory_and_swap_mb"] = _mib(self.swap) if self.swap > 0 else "unlimited"
        if params.get("cpus") is not None:
            shown["cpus"] = self.cpus
        return shown

    def params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that lead back to these limits, for what a request touches."""
        back: dict[str, Any] = {}
        if params.get("memory_mb") is not None:
            back["memory_mb"] = _mib(self.memory)
        if params.get("cpus") is not None:
            back["cpus"] = self.cpus
        return back


def _with_cpus(limits: Limits, cpus: float) -> Limits:
    if limits.nano_cpus:
        return replace(limits, nano_cpus=round(cpus * _NANO))
    if limits.quota > 0:
        return replace(limits, quota=round(cpus * (limits.period or _PERIOD)))
    msg = "it has no CPU limit now, and a new one could not be taken away again"
    raise ExecutorError(msg)


def _mib(count: int) -> float | int:
    whole, rest = divmod(count, _MIB)
    return count / _MIB if rest else whole
