"""Words from outside are words: no page makes markup of them."""

import pytest
from django.test import Client

from analysis.models import Evidence
from incidents.commands import audit
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent
from remediation.models import Approval
from tests.factories import analysis, remediation
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def poisoned() -> Incident:
    """An incident of which every word that can come from outside is hostile."""
    service = make.service(EVIL[:60], owner=EVIL, description=EVIL)
    about = make.incident(
        title=EVIL,
        about=service,
        description=EVIL,
        grouping_reason=EVIL,
        state=State.AWAITING_APPROVAL,
    )
    make.alert(about, title=EVIL)
    make.event(about, TimelineEvent.Kind.NOTE, EVIL, actor=EVIL)
    rule = analysis.detector("rule", query=EVIL, last_error=EVIL, unit="x<b>y")
    analysis.anomaly(about, by=rule, series_key=EVIL, labels={"service": EVIL})
    run = analysis.investigation(about, summary=EVIL, open_questions=[EVIL], reasoner=EVIL[:50])
    row = analysis.evidence(
        run, 1, summary=EVIL, native_query=EVIL, view=EVIL, facts=[{"kind": EVIL, EVIL: EVIL}]
    )
    cause = analysis.hypothesis(
        run, entity=EVIL, statement=EVIL, path=[EVIL], predictions=[EVIL], caps=[EVIL]
    )
    for verdict in ("holds", "fails", "uncheckable"):
        analysis.claim(cause, EVIL, row, verdict=verdict, explanation=EVIL)
    plan = remediation.plan(
        about,
        run,
        title=EVIL,
        why=EVIL,
        before={EVIL: EVIL},
        after={EVIL: "<b>new</b>"},
        effects=[EVIL],
        checks=[{"name": EVIL, "ok": False, "detail": EVIL}],
        decision_reasons=[EVIL],
        risk_factors=[[EVIL, 2, EVIL]],
    )
    remediation.approval(plan)
    audit.record("incident.opened", target=about, actor=EVIL, after={EVIL: EVIL}, reason=EVIL)
    return about


def test_no_page_makes_markup_of_it(as_approver: Client, poisoned: Incident) -> None:
    approval = Approval.objects.get()
    hypothesis = poisoned.investigations.get().hypotheses.get()
    rule = analysis.detector("rule")
    incident = f"/incidents/{poisoned.key}/"
    assert Evidence.objects.count() == 1
    for path in (
        "/incidents/?view=all",
        incident,
        f"{incident}live/",
        f"{incident}signals/",
        f"{incident}evidence/1/",
        f"{incident}act/",
        f"{incident}assign/",
        "/approvals/",
        f"/approvals/{approval.pk}/",
        f"/hypotheses/{hypothesis.pk}/confirm/",
        "/services/",
        "/detectors/",
        f"/detectors/{rule.pk}/",
        "/audit/",
        "/incidents/?q=%3Cscript%3Ealert('x')",
        "/audit/?q=%3Cscript%3Ealert('x')",
    ):
        answer = as_approver.get(path)
        text = answer.content.decode()
        assert answer.status_code == 200, path
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "x<b>y" not in text, path


def test_the_csv_runs_no_formula(as_approver: Client, workspace: object) -> None:
    audit.record("incident.opened", target=make.incident(), reason="=HYPERLINK(1)", actor="@SUM(1)")
    body = b"".join(as_approver.get("/audit.csv")).decode()
    assert "'=HYPERLINK(1)" in body
    assert "'@SUM(1)" in body


def test_no_inline_script_or_style(as_approver: Client, story: Incident) -> None:
    """What the content policy would refuse is not in the page to begin with."""
    approval = Approval.objects.get(plan__incident=story)
    for path in ("/incidents/", f"/incidents/{story.key}/", f"/approvals/{approval.pk}/"):
        answer = as_approver.get(path)
        text = answer.content.decode()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert " style=" not in text, path
        assert "<style" not in text, path
        assert "hx-on" not in text, path
        assert text.count("<script") == text.count("<script src="), path
        assert "https://" not in text, path
