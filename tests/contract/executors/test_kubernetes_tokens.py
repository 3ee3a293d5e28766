"""The credential of an action on Kubernetes: its own, short, and never told."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from remediation.decision.catalog import spec_of
from remediation.execution.executors.kubernetes_api import TOKEN_S
from remediation.execution.registry import BadOptions, checked_options, guarantees
from remediation.types import Applied, ExecutorKind, PlannedAction
from tests.contract.executors.rig import aimed, attempt
from tests.contract.executors.rig_kubernetes import FakeKubernetes, FakeKubernetesWithTokens

GUIDE = Path(__file__).resolve().parents[3] / "docs/guides/act-on-kubernetes-and-docker.md"


def rights(account: str) -> set[tuple[str, str]]:
    """What the roles of the guide give an account: (verb, resource)."""
    text = GUIDE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    return {
        (verb, resource)
        for role in yaml.safe_load_all(text)
        if role["kind"].endswith("Role") and role["metadata"]["name"] == account
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def scaling(rig: FakeKubernetesWithTokens) -> PlannedAction:
    return rig.executor().plan(aimed(rig, "scale"))


@pytest.fixture
def with_tokens() -> Iterator[FakeKubernetesWithTokens]:
    with FakeKubernetesWithTokens() as rig:
        yield rig


def test_each_action_has_a_token_of_its_own(with_tokens: FakeKubernetesWithTokens) -> None:
    planned = scaling(with_tokens)
    with_tokens.executor().apply(planned, attempt())
    asked = [body for _, path, body in with_tokens.cluster.requests if path.endswith("/token")]
    assert [body["spec"] for body in asked] == [{"expirationSeconds": 600}] * 2


def test_a_token_asked_for_at_the_end_of_a_lease_dies_in_time() -> None:
    promised = guarantees(ExecutorKind.KUBERNETES)
    for spec in map(spec_of, promised.actions):
        assert spec.lease_s + TOKEN_S <= promised.credential_life_s


def test_a_token_that_outlives_the_quarantine_is_not_used(
    with_tokens: FakeKubernetesWithTokens,
) -> None:
    planned = scaling(with_tokens)
    with_tokens.cluster.token_life_s = 3600
    before = with_tokens.state()
    effect = with_tokens.executor().apply(planned, attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert "live too long" in effect.error
    assert with_tokens.state() == before


def test_a_dead_token_lands_nothing(with_tokens: FakeKubernetesWithTokens) -> None:
    planned = scaling(with_tokens)
    cluster = with_tokens.cluster

    def all_die() -> None:
        cluster.dies_at = dict.fromkeys(cluster.dies_at, time.time() - 1)

    with with_tokens.between.late(all_die):
        effect = with_tokens.executor().apply(planned, attempt())
    assert (effect.applied, effect.error) == (
        Applied.NOT_APPLIED,
        "refused, 401: Unauthorized",
    )


def test_no_token_is_ever_told(
    with_tokens: FakeKubernetesWithTokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    planned = scaling(with_tokens)
    effect = with_tokens.executor().apply(planned, attempt())
    again = with_tokens.executor().apply(planned, attempt())
    told = json.dumps([effect.answer, effect.error, again.error, caplog.text, repr(planned)])
    for token in with_tokens.cluster.tokens:
        assert token not in told


@pytest.mark.parametrize("action", FakeKubernetes.actions)
def test_the_roles_of_the_guide_are_enough(
    with_tokens: FakeKubernetesWithTokens, action: str
) -> None:
    with_tokens.cluster.tokens[with_tokens.token] = rights("airra-look")
    with_tokens.cluster.accounts["airra-actor"] = rights("airra-actor")
    executor = with_tokens.executor()
    planned = executor.plan(aimed(with_tokens, action))
    assert [check for check in planned.checks if not check.ok] == []
    effect = executor.apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    looks_only = {verb for verb, resource in rights("airra-look") if "/" not in resource}
    assert looks_only == {"get", "list"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"namespace": "Shop"}, "namespace"),
        ({"label": "a b"}, "label"),
        ({"service_account": "../admin"}, "service_account"),
        ({"exec": True}, "exec"),
    ],
)
def test_options_are_checked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadOptions, match=says):
        checked_options(ExecutorKind.KUBERNETES, options)
