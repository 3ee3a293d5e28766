"""How far the audit chain was checked, what was found, and what holds it from outside."""

from dataclasses import dataclass
from datetime import timedelta

from airra.lib import clock
from incidents.models import AuditCheckpoint, AuditHead, AuditVerification

LATE = timedelta(hours=50)  # two nightly checks did not happen


@dataclass(frozen=True)
class ChainStatus:
    rows: int
    checked: AuditVerification | None
    anchor: AuditCheckpoint | None

    @property
    def is_broken(self) -> bool:
        return self.checked is not None and bool(self.checked.problem)

    @property
    def is_late(self) -> bool:
        return self.checked is not None and clock.now() - self.checked.at > LATE

    @property
    def problem(self) -> str:
        """The first thing that the check found wrong."""
        return self.checked.problem.partition("\n")[0] if self.checked else ""

    def __str__(self) -> str:
        if self.checked is None:
            return "not verified yet" if self.rows else "ok: empty"
        if self.is_broken:
            return f"broken: {self.problem}"
        if self.is_late:
            return f"late: last verified {self.checked.at:%Y-%m-%d %H:%M} UTC"
        return "ok"


def status() -> ChainStatus:
    head = AuditHead.objects.filter(pk=1).first()
    return ChainStatus(
        rows=head.seq if head else 0,
        checked=AuditVerification.objects.last(),
        anchor=AuditCheckpoint.objects.last(),
    )
