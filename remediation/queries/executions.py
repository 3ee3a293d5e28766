"""How often an action has helped before: verified outcomes, newest first."""

from dataclasses import dataclass

from django.db.models import QuerySet

from incidents.models import Workspace
from remediation.models import Execution
from remediation.types import ExecutionState, Mode


@dataclass(frozen=True)
class Record:
    """Verified live runs of one action on one service."""

    runs: list[Execution]
    helped: int

    @property
    def total(self) -> int:
        return len(self.runs)


def lasting(runs: QuerySet[Execution]) -> QuerySet[Execution]:
    """The successes: a match that has not recurred within the watch and nobody had taken back."""
    return runs.filter(
        state=ExecutionState.SUCCEEDED, recurred_at__isnull=True, withdrawn_at__isnull=True
    )


def is_lasting(run: Execution) -> bool:
    """The same of one row."""
    is_match = run.state == ExecutionState.SUCCEEDED
    return is_match and run.recurred_at is None and run.withdrawn_at is None


def record_of(workspace: Workspace, *, action: str, service: str, limit: int = 20) -> Record:
    runs = list(
        Execution.objects.filter(
            plan__incident__workspace=workspace,
            target__step__action=action,
            target__step__service_name=service,
            mode=Mode.LIVE,
            kind=Execution.Kind.APPLY,
        )
        .exclude(verdict="")
        .select_related("plan__incident")
        .order_by("-created_at")[:limit]
    )
    return Record(runs, sum(is_lasting(run) for run in runs))
