"""How often an action has helped before: verified outcomes, newest first."""

from dataclasses import dataclass

from incidents.models import Workspace
from remediation.models import Execution
from remediation.types import Mode, Verdict


@dataclass(frozen=True)
class Record:
    """Verified live runs of one action on one service."""

    runs: list[Execution]
    helped: int

    @property
    def total(self) -> int:
        return len(self.runs)


def record_of(workspace: Workspace, *, action: str, service: str, limit: int = 20) -> Record:
    runs = list(
        Execution.objects.filter(
            plan__incident__workspace=workspace,
            plan__action=action,
            plan__service_name=service,
            mode=Mode.LIVE,
            kind=Execution.Kind.APPLY,
        )
        .exclude(verdict="")
        .select_related("plan__incident")
        .order_by("-created_at")[:limit]
    )
    return Record(runs, sum(run.verdict == Verdict.MATCH for run in runs))
