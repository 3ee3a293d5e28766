"""The simulator: exact answers over what policy was asked, and no trace that it was run."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from airra.lib import clock
from analysis.models import Hypothesis
from incidents.permissions import Role
from remediation.decision.limits import Limits
from remediation.decision.policy import Case
from remediation.decision.rules import MATRIX, Rules
from remediation.models import PolicyRuling
from remediation.queries.simulation import Row, simulate
from remediation.types import Decision, ExecutionState, RiskBand
from tests.factories import remediation as make
from tests.integration.remediation.conftest import World, member

D, S = Decision, ExecutionState
STRICT = replace(Rules(), matrix=dict.fromkeys(RiskBand, (D.ESCALATE,) * 4))


@contextmanager
def only_reads() -> Iterator[None]:
    """Refuse every statement that is no SELECT."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        assert sql.lstrip().upper().startswith(("SELECT", "SAVEPOINT", "RELEASE")), sql
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        msg = "a socket was opened"
        raise AssertionError(msg)

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def asked(world: World, case: Case | None = None, **fields: Any) -> PolicyRuling:
    case = case or Case(RiskBand.MEDIUM, 0.6, is_calibrated=False, environment="staging")
    values = {
        "decision": "one", "reasons": ["was so"], "title": "Restart payments", "risk_score": 9.0,
        "policy_version": 1, "facts": case.as_json(), "at": clock.now(), **fields,
    }  # fmt: skip
    return PolicyRuling.objects.create(workspace=world.workspace, incident=world.incident, **values)


def carried_out(world: World, state: str, **fields: Any) -> PolicyRuling:
    plan = make.plan(world.incident, endpoint=world.endpoint, state="done")
    approval = make.approval(plan, state="approved", decided_by=world.ben, decided_at=clock.now())
    make.execution(approval, by=world.ben, state=state, idempotency_key=str(plan.pk), **fields)
    return asked(world, plan=plan)


def rows(world: World, rules: Rules = STRICT, days: int = 30) -> list[Row]:
    return list(simulate(world.workspace, rules, days=days).rows)


def test_the_rules_in_force_decide_as_they_did(world: World) -> None:
    plan = world.planned()
    (row,) = rows(world, Rules())
    assert (row.was, row.would, row.change) == (plan.decision, plan.decision, "same")
    assert row.why == "; ".join(plan.decision_reasons)


def test_stricter_rules_would_have_asked_more(world: World) -> None:
    asked(world)
    found = simulate(world.workspace, STRICT, days=30)
    assert (found.stricter, found.looser) == (1, 0)
    assert dict(found.crossings) == {D.ONE: [0, 0, 1], D.TWO: [0, 0, 0], D.ESCALATE: [0, 0, 0]}


def test_a_limit_is_tried_on_the_counts_of_then(world: World) -> None:
    case = Case(RiskBand.LOW, counts=replace(Case(RiskBand.LOW).counts, last_hour=4))
    asked(world, case)
    assert [r.would for r in rows(world, Rules())] == [D.ONE]
    assert [r.would for r in rows(world, replace(Rules(), limits=Limits(per_hour=4)))] == [
        D.ESCALATE
    ]


def test_only_the_days_asked_about_and_only_this_workspace(world: World) -> None:
    asked(world)
    world.hands.advance(days=8)
    asked(world)
    assert len(rows(world, days=7)) == 1
    assert len(rows(world, days=9)) == 2
    make.plan(world.incident, endpoint=world.endpoint, state="done")
    assert simulate(world.workspace, STRICT, days=7).unknown == 1


@pytest.mark.parametrize(
    ("state", "fields", "ended", "is_bad", "is_good"),
    [
        (S.SUCCEEDED, {"verdict": "match"}, "match", False, True),
        (S.SUCCEEDED, {"recurred_at": True}, "helped, and came back", False, False),
        (S.DEVIATED, {"verdict": "deviation"}, "deviation", True, False),
        (S.UNDONE, {"verdict": "deviation"}, "deviation", True, False),
        (S.INCONCLUSIVE, {}, "inconclusive", False, False),
    ],
)
def test_how_it_ended_stands_beside(
    world: World, state: str, fields: dict[str, Any], ended: str, is_bad: bool, is_good: bool
) -> None:
    if fields.get("recurred_at"):
        fields = {"recurred_at": clock.now()}
    carried_out(world, state, **fields)
    (row,) = rows(world)
    assert (row.done, row.ended) == ("approved by ben, carried out", ended)
    assert (row.is_bad, row.is_good) == (is_bad, is_good)


@pytest.mark.parametrize(
    ("verdicts", "cause", "is_bad"),
    [
        (("confirmed", ""), "confirmed", False),
        (("ruled_out", ""), "ruled out", True),
        (("", "confirmed"), "another one was confirmed", True),
        (("", ""), "nobody has said", False),
    ],
)
def test_what_people_said_of_its_cause(
    world: World, verdicts: tuple[str, str], cause: str, is_bad: bool
) -> None:
    first = world.investigated().hypotheses.get()
    other = world.investigated(entity="checkout").hypotheses.get()
    for hypothesis, verdict in zip((first, other), verdicts, strict=True):
        if verdict:
            Hypothesis.objects.filter(pk=hypothesis.pk).update(
                verdict=verdict, verdict_by=world.ana, verdict_at=clock.now()
            )
    ruling = carried_out(world, S.SUCCEEDED)
    PolicyRuling.objects.filter(pk=ruling.pk).update(hypothesis=first)
    (row,) = rows(world)
    assert (row.cause, row.is_bad) == (cause, is_bad)


def test_looser_rules_are_told_what_they_would_have_let_happen(world: World) -> None:
    case = Case(RiskBand.HIGH, 0.6)
    ruling = carried_out(world, S.DEVIATED)
    PolicyRuling.objects.filter(pk=ruling.pk).update(decision="two", facts=case.as_json())
    looser = replace(Rules(), matrix={**MATRIX, RiskBand.HIGH: (D.ESCALATE, D.ONE, D.ONE, D.ONE)})
    found = simulate(world.workspace, looser, days=30)
    assert (found.looser, found.looser_and_bad) == (1, 1)


def test_it_changes_no_row_and_opens_no_socket(
    world: World, no_sockets: None, tmp_path: Path
) -> None:
    carried_out(world, S.SUCCEEDED)
    wish = tmp_path / "rules.json"
    wish.write_text(json.dumps(STRICT.as_json()))
    with only_reads():
        assert len(rows(world)) == 1
        call_command("policy_simulate", "--days=30", f"--policy={wish}", stdout=StringIO())


def test_it_knows_no_executor() -> None:
    """In a process of its own: nothing it imports can reach a target."""
    code = (
        "import django, sys; django.setup(); import remediation.views.simulate, "
        "remediation.queries.simulation, remediation.management.commands.policy_simulate;"
        "print([m for m in sys.modules if m.startswith('remediation.execution.executors') "
        "or m.startswith('remediation.commands.acting')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "DJANGO_SETTINGS_MODULE": "airra.settings_test",
            "AIRRA_SECRET_KEY": "x",
            "PATH": "/usr/bin:/bin",
        },
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def simulated(*words: str) -> str:
    out = StringIO()
    call_command("policy_simulate", *words, stdout=out)
    return out.getvalue()


def test_the_shell_tells_the_same(world: World, tmp_path: Path) -> None:
    carried_out(world, S.SUCCEEDED)
    shown = tmp_path / "rules.json"
    shown.write_text(simulated("--show"))
    assert json.loads(shown.read_text()) == Rules().as_json()
    told = simulated(f"--policy={shown}")
    assert "one -> one; approved by ben, carried out; succeeded" in told
    assert "1 questions in 30 days" in told
    loose = {"limits": {"per_hour": 60}}
    shown.write_text(json.dumps(loose))
    assert "loosens: per hour: 6 becomes 60" in simulated(f"--policy={shown}")


@pytest.mark.parametrize(
    ("words", "said", "message"),
    [
        (["--workspace=zoo"], None, "no workspace 'zoo'"),
        (["--days=0"], None, "from 1 to 365"),
        (["--policy={}"], "{", "cannot be read as JSON"),
        (["--policy={}"], "[]", "needs an object"),
        (["--policy={}"], '{"limits": {"per_hour": 99}}', "per_hour is a number from 0 to 60"),
    ],
)
def test_the_shell_says_what_is_wrong(
    world: World, tmp_path: Path, words: list[str], said: str | None, message: str
) -> None:
    path = tmp_path / "rules.json"
    if said is not None:
        path.write_text(said)
    with pytest.raises(CommandError, match=message):
        simulated(*(word.format(path) for word in words))


@pytest.fixture
def page(world: World) -> Callable[..., Any]:
    client = Client()
    client.force_login(world.ana)

    def get(**query: str) -> Any:
        return client.get("/policy/simulate/", query)

    return get


def query_of(**changed: str) -> dict[str, str]:
    cells = {f"{band}_{i}": str(cell) for band in RiskBand for i, cell in enumerate(MATRIX[band])}
    limits = {name: str(value) for name, value in Rules().as_json()["limits"].items()}
    return {**cells, **limits, "environments": "", "days": "30", **changed}


def test_the_page_starts_with_the_rules_in_force(world: World, page: Callable[..., Any]) -> None:
    text = page().content.decode()
    assert "Policy was asked nothing in these days" in text
    carried_out(world, S.SUCCEEDED)
    text = page().content.decode()
    assert "Restart payments" in text
    assert "approved by ben, carried out" in text
    assert "These rules" not in text


def test_the_page_tries_other_rules_without_keeping_them(
    world: World, page: Callable[..., Any], no_sockets: None
) -> None:
    carried_out(world, S.SUCCEEDED)
    page()  # what every process caches
    tight = {f"{band}_{i}": "escalate" for band in RiskBand for i in range(4)}
    with only_reads():
        text = page(**query_of(**tight)).content.decode()
    assert "These rules only tighten the policy." in text
    assert "stricter" in text
    with only_reads():
        text = page(**query_of(per_hour="60")).content.decode()
    assert "per hour: 6 becomes 60" in text
    with only_reads():
        assert "Nothing would have been decided otherwise" in (
            page(**query_of(per_hour="60", changed="on")).content.decode()
        )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"low_3": "two"}, "low risk may not tighten with more confidence"),
        ({"per_hour": "99"}, "per_hour is a number from 0 to 60"),
        ({"extreme_3": "one"}, "is not one of the available choices"),
        ({"days": "0"}, "greater than or equal to 1"),
    ],
)
def test_the_page_says_what_is_wrong_with_rules(
    page: Callable[..., Any], changed: dict[str, str], words: str
) -> None:
    answer = page(**query_of(**changed))
    assert answer.status_code == 422
    assert words in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.VIEWER, 403), (Role.RESPONDER, 403), (Role.APPROVER, 200), (Role.ADMIN, 200)],
)
def test_who_decides_may_simulate(world: World, role: Role, status: int) -> None:
    client = Client()
    client.force_login(member(world.workspace, "eve", role))
    assert client.get("/policy/simulate/").status_code == status
