"""Which evidence a case brings decides how it is reasoned about."""

from collections.abc import Callable

from analysis.reasoning.kubernetes.diagnosis import diagnose_kubernetes, has_findings
from analysis.reasoning.rootcause import storms, telemetry
from analysis.types import Case, Diagnosis

# (is this evidence there, how it is reasoned about): the first that applies diagnoses the case.
PATHS: tuple[tuple[Callable[[Case], bool], Callable[[Case], Diagnosis]], ...] = (
    (has_findings, diagnose_kubernetes),
    (lambda case: bool(case.alerts) and not case.series, storms.diagnose),
    (lambda case: True, telemetry.diagnose),
)


def diagnose(case: Case) -> Diagnosis:
    """The suspects of one incident, best first, each with a stated probability and its clues.

    Objects of Kubernetes are read before series, and series before alerts without numbers. Missing
    signals make the answer less sure and never raise. The same case gives the same answer.
    """
    return next(reason(case) for applies, reason in PATHS if applies(case))
