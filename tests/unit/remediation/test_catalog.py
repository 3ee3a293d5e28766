"""The catalogue is closed: nothing unknown, nothing out of bounds, nothing extra."""

from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.catalog import (
    CARDS,
    CATALOG,
    ActionSpec,
    BadParameters,
    Cancel,
    Limit,
    NotAllowedHere,
    UnknownAction,
    fields_of,
    request_of,
    schema_of,
    spec_of,
    title_of,
    turned_round,
)
from remediation.execution.base import CREDENTIAL_LIFE_S
from remediation.execution.registry import KINDS, guarantees
from remediation.types import (
    ActionRequest,
    Check,
    ExecutorKind,
    Fidelity,
    PlannedAction,
    Reversibility,
)


@given(st.text())
def test_what_is_not_listed_does_not_exist(name: str) -> None:
    if name in CATALOG:
        return
    with pytest.raises(UnknownAction, match=r"there is no action|left to people"):
        spec_of(name)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("restart", {"all": True}),
        ("scale", {}),
        ("scale", {"replicas": 0}),
        ("scale", {"replicas": "3"}),
        ("scale", {"replicas": True}),
        ("scale", {"replicas": 3, "force": True}),
        ("rollback", {"to_revision": "1; rm -rf /"}),
        ("rollback", {"to_revision": -1}),
        ("scale", {"replicas": 40.5}),
        ("scale", {"replicas": 10**400}),
        ("resize", {"cpus": float("inf")}),
        ("scale", {"replicas": float("nan")}),
        ("resize", {}),
        ("resize", {"memory_mb": 8}),
        ("resize", {"memory_mb": 512.5}),
        ("resize", {"cpus": 0}),
        ("resize", {"cpus": float("nan")}),
        ("resize", {"memory_mb": 512, "swap": 1}),
        ("end_query", {"pid": 4}),
        ("end_query", {"backend_start": "2026-11-28T10:00:00+00:00"}),
        ("end_query", {"pid": 0, "backend_start": "2026-11-28T10:00:00+00:00"}),
        ("end_query", {"pid": 4, "backend_start": "2026-11-28T10:00:00"}),
        ("end_query", {"pid": 4, "backend_start": "2026-11-28T10:00:00Z'; drop table x; --"}),
        ("end_query", {"pid": 2**31, "backend_start": "2026-11-28T10:00:00Z"}),
        ("drain", {"server": "web 1"}),
        ("drain", {"server": "web1\nset server b/s state maint"}),
        ("drain", {"server": "web1\n"}),
        ("drain", {"server": "web1;"}),
        ("drain", {"server": "web1", "state": "stopped"}),
        ("drain", {}),
        ("cordon", {"node": "Node 1"}),
        ("cordon", {"schedulable": 1}),
        ("reload", {"unit": "ssh"}),
        ("run_script", {"script": "../x"}),
        ("run_script", {"script": "x.sh"}),
        ("run_script", {"script": "x", "args": {"A": 1}}),
        ("run_script", {"script": "x", "args": {"a": [1]}}),
        ("run_script", {"script": "x", "args": {"a": float("inf")}}),
        ("run_script", {"script": "x", "args": {f"a{i}": 1 for i in range(11)}}),
        ("set_flag", {"flag": "x"}),
        ("set_flag", {"flag": "a b", "value": True}),
        ("set_flag", {"flag": "x", "value": "off"}),
    ],
)
def test_parameters_out_of_bounds_are_refused_with_their_field(
    action: str, params: dict[str, Any]
) -> None:
    with pytest.raises(BadParameters, match=action):
        request_of(action, "payments", params)


@given(st.dictionaries(st.text(), st.integers() | st.booleans() | st.text() | st.none()))
def test_whatever_is_sent_comes_out_checked_or_not_at_all(params: dict[str, Any]) -> None:
    for action in CATALOG:
        try:
            request = request_of(action, "payments", params)
        except BadParameters:
            continue
        assert set(request.params) <= set(CATALOG[action].params.model_fields)


@pytest.mark.parametrize("service", ["", "  "])
def test_an_empty_target_is_an_error(service: str) -> None:
    with pytest.raises(BadParameters, match="never everything"):
        request_of("restart", service, {})


def test_titles_name_deed_and_target() -> None:
    titles = [
        title_of(request_of("restart", "payments", {})),
        title_of(request_of("scale", "checkout", {"replicas": 4})),
        title_of(request_of("rollback", "checkout", {})),
        title_of(request_of("rollback", "checkout", {"to_revision": 7})),
        title_of(request_of("set_flag", "payments", {"flag": "fraud", "value": False})),
    ]
    assert titles == [
        "Restart payments",
        "Scale checkout to 4 replicas",
        "Roll back checkout",
        "Roll back checkout to 7",
        "Set flag fraud of payments to false",
    ]


@pytest.mark.parametrize("spec", CATALOG.values(), ids=lambda spec: spec.key)
def test_a_lease_outlives_the_call_and_the_signature_outlives_the_lease(spec: Any) -> None:
    assert 3 * spec.timeout_s < spec.lease_s < CREDENTIAL_LIFE_S
    assert spec.settle_s < spec.within_s


@pytest.mark.parametrize(
    ("action", "params", "title"),
    [
        ("reload", {}, "Reload payments"),
        ("cordon", {"node": "n3"}, "Close n3 to new pods"),
        ("cordon", {"node": "n3", "schedulable": True}, "Open n3 to new pods again"),
        ("cordon", {}, "Close the node of payments to new pods"),
        (
            "resize",
            {"memory_mb": 512, "cpus": 1.5},
            "Resize payments to 512 MiB of memory and 1.5 CPUs",
        ),
        ("end_query", {}, "End the query that blocks others on payments"),
        (
            "end_query",
            {"pid": 41, "backend_start": "2026-11-28T10:00:00Z"},
            "End backend 41 on payments",
        ),
        ("drain", {"server": "web2"}, "Drain server web2 of payments"),
        ("drain", {"server": "web2", "state": "maint"}, "Take out server web2 of payments"),
        ("drain", {"server": "web2", "state": "ready"}, "Put back server web2 of payments"),
        ("run_script", {"script": "rotate"}, "Run the runbook script rotate on payments"),
        (
            "run_script",
            {"script": "rotate", "undo": True},
            "Undo the runbook script rotate on payments",
        ),
    ],
)
def test_the_newer_actions_have_their_titles(
    action: str, params: dict[str, Any], title: str
) -> None:
    assert title_of(request_of(action, "payments", params)) == title


@pytest.mark.parametrize(
    ("action", "params", "fitted"),
    [
        ("scale", {"replicas": 21}, {"replicas": 20}),
        ("scale", {"replicas": 10**14}, {"replicas": 20}),
        ("resize", {"memory_mb": 10**9, "cpus": 1}, {"memory_mb": 65_536, "cpus": 1}),
        ("resize", {"cpus": 64.5}, {"cpus": 64}),
    ],
)
def test_what_may_be_lowered_is_lowered_and_says_so(
    action: str, params: dict[str, Any], fitted: dict[str, Any]
) -> None:
    request = request_of(action, "payments", params)
    assert request.params == fitted
    (clamp,) = request.clamped
    assert clamp.asked == params[clamp.param]
    assert clamp.allowed == fitted[clamp.param]
    assert clamp.sentence().endswith("the most allowed")


def planned(request: ActionRequest, **before: Any) -> PlannedAction:
    return PlannedAction(
        request=request,
        target_id="service/payments",
        target_version="1",
        before=before,
        after=dict(request.params),
        effects=(),
        reversibility=Reversibility.EXACT_UNDO,
        undo=None,
        fidelity=Fidelity.SERVER,
    )


def test_lowering_never_turns_more_into_less() -> None:
    request = request_of(
        "scale", "payments", {"replicas": 16}, limit=Limit(maximums={"replicas": 5})
    )
    assert turned_round(planned(request, replicas=4)) == ""
    for now in (5, 8):
        assert f"{now} is what it has already" in turned_round(planned(request, replicas=now))
    assert turned_round(planned(request, replicas=40)) == "", "it was asked to go down"
    assert turned_round(planned(request)) == "", "nothing is known of what runs"


def test_only_people_do_what_cannot_be_undone() -> None:
    assert not set(CARDS) & set(CATALOG)
    for key in CARDS:
        with pytest.raises(UnknownAction, match="left to people"):
            request_of(key, "payments", {})
    for spec in CATALOG.values():
        assert spec.reversibility is not Reversibility.IRREVERSIBLE
    registered = {action for kind in KINDS for action in guarantees(kind).actions}
    assert not registered & set(CARDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_executor_does_what_the_catalogue_says_its_kind_does(kind: ExecutorKind) -> None:
    """No more, or it would need what nobody granted; no less, or it would be offered in vain."""
    promised, said = guarantees(kind), {s.key for s in CATALOG.values() if kind in s.kinds}
    assert promised.actions == said
    for action in promised.actions:
        way = spec_of(action).way(kind)
        assert way is not None
        assert way.scope


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_undone_is_what_is_done(kind: ExecutorKind) -> None:
    promised = guarantees(kind)
    assert promised.undoes <= promised.actions


@pytest.mark.parametrize("spec", CATALOG.values(), ids=lambda spec: spec.key)
def test_every_action_says_what_it_needs(spec: ActionSpec) -> None:
    assert spec.ways
    assert len(spec.kinds) == len(spec.ways)
    assert 1 <= spec.max_targets <= 3
    assert spec.cancel is Cancel.BEFORE_EFFECT
    assert spec.clamps <= set(spec.maximums())
    assert not spec.fits & spec.forbidden_when
    assert len(spec.key) <= 20, "as the row of a plan keeps it"


def test_a_check_that_was_left_out_is_named() -> None:
    spec = spec_of("end_query")
    done = (Check("victims", ok=True), Check("is a blocker", ok=False))
    assert spec.unanswered(ExecutorKind.POSTGRES, done) == ("is not AIRRA's", "may be ended")
    assert spec.unanswered(ExecutorKind.WEBHOOK, ()) == ()


# -- what a workspace takes away -----------------------------------------------------------------

numbers = st.integers(-5, 10**6) | st.floats(allow_nan=False, allow_infinity=False)
limits = st.builds(
    Limit,
    is_enabled=st.booleans(),
    maximums=st.dictionaries(
        st.sampled_from(["replicas", "memory_mb", "cpus", "pid", "x"]), numbers
    ),
    needs_two=st.booleans(),
    environments=st.frozensets(st.sampled_from(["prod", "staging"])),
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(-1, 30),
        "memory_mb": st.integers(0, 10**5),
        "cpus": st.floats(0, 100) | st.integers(0, 100),
        "pid": st.integers(0, 2**31),
        "backend_start": st.just("2026-11-28T10:00:00Z"),
        "flag": st.just("a"),
        "value": st.booleans(),
        "server": st.just("web1"),
        "script": st.just("rotate"),
    },
)


@given(
    action=st.sampled_from(sorted(CATALOG)),
    limit=limits,
    params=LIKELY | st.dictionaries(st.text(), numbers | st.text() | st.none()),
    environment=st.sampled_from(["", "prod", "staging", "dev"]),
)
def test_no_overlay_widens_anything(
    action: str, limit: Limit, params: dict[str, Any], environment: str
) -> None:
    try:
        narrowed = request_of(action, "s", params, limit=limit, environment=environment)
    except (BadParameters, NotAllowedHere):
        return
    assert limit.is_enabled
    assert not limit.environments or environment in limit.environments
    plain = request_of(action, "s", params)
    assert set(narrowed.params) == set(plain.params)
    assert request_of(action, "s", narrowed.params) == narrowed, "the catalogue allows it as it is"
    for name, value in narrowed.params.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert value <= plain.params[name]
            assert value <= limit.maximums.get(name, value)
        else:
            assert value == plain.params[name]


@given(action=st.sampled_from(sorted(CATALOG)), limit=limits)
def test_the_form_of_a_limited_action_has_no_wider_bounds(action: str, limit: Limit) -> None:
    spec = CATALOG[action]
    wide = {field.name: field for field in fields_of(spec)}
    for field in fields_of(spec, limit):
        before = wide[field.name]
        assert replace(field, maximum=None) == replace(before, maximum=None)
        if before.maximum is not None:
            assert field.maximum is not None
            assert field.maximum <= before.maximum


def test_a_limit_that_is_no_number_is_refused() -> None:
    for most in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite"):
            Limit(maximums={"replicas": most})


def test_fields_say_all_a_form_has_to_ask() -> None:
    (replicas,) = fields_of(spec_of("scale"))
    assert (replicas.kind, replicas.is_required) == ("integer", True)
    assert (replicas.minimum, replicas.maximum) == (1, 20)
    pid, started = fields_of(spec_of("end_query"))
    assert (pid.kind, pid.is_required, started.kind) == ("integer", False, "text")
    assert started.pattern
    server, state = fields_of(spec_of("drain"))
    assert server.pattern
    assert (state.kind, state.choices, state.initial) == (
        "choice",
        ("drain", "maint", "ready"),
        "drain",
    )
    script, args, _ = fields_of(spec_of("run_script"))
    assert (script.kind, args.kind) == ("text", "object")
    flag, value = fields_of(spec_of("set_flag"))
    assert (flag.kind, value.kind) == ("text", "boolean")
    (revision,) = fields_of(spec_of("rollback"))
    assert (revision.kind, revision.is_required) == ("text", False)


@pytest.mark.parametrize("spec", CATALOG.values(), ids=lambda spec: spec.key)
def test_schemas_are_valid_and_hold_the_lower_bound(spec: ActionSpec) -> None:
    schema = schema_of(spec)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {field.name for field in fields_of(spec)}


def test_a_workspaces_bound_stands_in_the_schema() -> None:
    schema = schema_of(spec_of("scale"), Limit(maximums={"replicas": 5}))
    valid = jsonschema.Draft202012Validator(schema).is_valid
    assert valid({"replicas": 5})
    assert not valid({"replicas": 6})
    assert not valid({"replicas": 0})
