"""Proof of a sender: forged, stale, rotated and run out, for every way a vendor signs."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest.trust import claims
from incidents.ingest.trust.claims import Arrival, Held, Trusted, Untrusted, Verdict
from incidents.ingest.trust.judge import ONLY_SIGNED, SIGNABLE, judge
from tests.fakes.signers import BODY, NOW, OTHER, SIGNERS, UNIX, mac

KEY, OLD = b"the key of today", b"the key of yesterday"


TIMED = ("generic", "grafana", "sentry")
every_kind = pytest.mark.parametrize("kind", SIGNERS)


def asked(kind: str, headers: dict[str, str], *held: Held, body: bytes = BODY) -> Verdict:
    return judge(kind, Arrival(body, NOW, headers), held or (Held(1, key=KEY),))


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Untrusted), verdict
    return verdict.reason


def test_every_kind_that_signs_is_tried_here() -> None:
    assert set(SIGNERS) == SIGNABLE


@every_kind
def test_the_right_signature_is_trusted_and_names_its_key(kind: str) -> None:
    held = (Held(1, key=OTHER[::-1]), Held(2, key=KEY))
    assert asked(kind, SIGNERS[kind](KEY), *held) == Trusted(2)


@every_kind
def test_a_signature_in_capitals_is_the_same_number(kind: str) -> None:
    headers = {
        name: value if value.isdigit() else _raised(value)
        for name, value in SIGNERS[kind](KEY).items()
    }
    assert asked(kind, headers) == Trusted(1)


def _raised(value: str) -> str:
    digest = mac(KEY, BODY)
    return value.replace(digest, digest.upper())


@every_kind
def test_a_forged_signature_is_not(kind: str) -> None:
    verdict = asked(kind, SIGNERS[kind](b"guessed by a forger"))
    assert verdict == Untrusted("its signature fits no key of this integration", is_signed=True)


@every_kind
def test_one_changed_byte_of_the_body_is_seen(kind: str) -> None:
    verdict = asked(kind, SIGNERS[kind](KEY), body=BODY.replace(b"full", b"fine"))
    assert "fits no key" in reason(verdict)


@every_kind
def test_no_signature_is_told_as_such_and_can_never_be_judged_again(kind: str) -> None:
    assert asked(kind, {}) == Untrusted("it is not signed")


@every_kind
def test_two_keys_hold_at_once_until_the_old_one_runs_out(kind: str) -> None:
    old = Held(1, key=OLD, expires_at=NOW + timedelta(seconds=1))
    assert asked(kind, SIGNERS[kind](OLD), old, Held(2, key=KEY)) == Trusted(1)
    assert asked(kind, SIGNERS[kind](KEY), old, Held(2, key=KEY)) == Trusted(2)
    run_out = Held(1, key=OLD, expires_at=NOW)
    verdict = asked(kind, SIGNERS[kind](OLD), run_out, Held(2, key=KEY))
    assert reason(verdict) == "it is signed with a key that has run out"


@every_kind
def test_once_there_is_a_key_a_token_does_not_do(kind: str) -> None:
    token = Held(9, mark="m")
    arrival = Arrival(BODY, NOW, {}, token_mark="m")
    assert isinstance(judge(kind, arrival, [token, Held(1, key=KEY)]), Untrusted)
    expected = Untrusted if kind in ONLY_SIGNED else Trusted
    assert isinstance(judge(kind, arrival, [token]), expected)


@pytest.mark.parametrize("kind", sorted(ONLY_SIGNED))
def test_without_a_key_the_reason_is_the_missing_key_and_it_can_be_judged_later(kind: str) -> None:
    arrival = Arrival(BODY, NOW, SIGNERS[kind](KEY))
    assert judge(kind, arrival, []) == Untrusted(
        "this integration has no signing key yet", is_signed=True
    )
    assert judge(kind, arrival, [Held(1, key=KEY)]) == Trusted(1)


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_five_minutes_on_either_side_are_allowed(kind: str, off_s: int) -> None:
    assert asked(kind, SIGNERS[kind](KEY, at=UNIX + off_s)) == Trusted(1)


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize(("off_s", "side"), [(-301, "before"), (301, "after")])
def test_a_stale_signature_is_refused_by_its_own_time(kind: str, off_s: int, side: str) -> None:
    told = reason(asked(kind, SIGNERS[kind](KEY, at=UNIX + off_s)))
    assert told == f"it was signed 301 s {side} it arrived: more than 300 s"


@pytest.mark.parametrize("kind", ["generic", "grafana"])
def test_a_time_that_is_signed_cannot_be_freshened(kind: str) -> None:
    old, fresh = SIGNERS[kind](KEY, at=UNIX - 9000), str(UNIX)
    headers = {name: value.replace(str(UNIX - 9000), fresh) for name, value in old.items()}
    assert "fits no key" in reason(asked(kind, headers))


def test_grafana_may_sign_without_a_time_but_not_take_one_away() -> None:
    plain = {"x-grafana-alerting-signature": mac(KEY, BODY)}
    assert asked("grafana", plain) == Trusted(1)
    stripped = SIGNERS["grafana"](KEY)
    del stripped["x-grafana-alerting-timestamp"]
    assert "fits no key" in reason(asked("grafana", stripped))


def test_our_own_signature_must_tell_its_time() -> None:
    headers = {"x-airra-signature": f"v1={mac(KEY, b'.' + BODY)}"}
    assert reason(asked("generic", headers)) == "it does not say when it was signed"


@pytest.mark.parametrize("at", ["soon", "-5", "1e9", "٣", "9" * 14])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    signature = mac(KEY, f"{at}.".encode() + BODY)
    headers = {"x-airra-signature": f"t={at},v1={signature}"}
    assert reason(asked("generic", headers)) == "the time of its signature is not in Unix seconds"


@every_kind
@given(junk=st.text(max_size=60))
def test_any_text_in_a_signature_is_a_verdict(kind: str, junk: str) -> None:
    headers = dict.fromkeys(SIGNERS[kind](KEY), junk)
    assert isinstance(asked(kind, headers), Untrusted)


def mark(token: str) -> str:
    return claims.mark_of(claims.digest_of(token), pepper=b"pepper")


def test_a_token_is_found_as_bearer_password_or_key() -> None:
    basic = "Basic YWlycmE6dDBrZW4="  # airra:t0ken
    for headers in (
        {"authorization": "Bearer t0ken"},
        {"authorization": "bearer  t0ken "},
        {"authorization": basic},
        {"x-api-key": "t0ken"},
    ):
        assert claims.token_in(headers) == "t0ken"
    for headers in ({"authorization": "Basic !"}, {"authorization": "Digest t0ken"}, {}):
        assert claims.token_in(headers) == ""


def test_tokens_hold_until_they_run_out() -> None:
    held = (
        Held(1, mark=mark("old"), expires_at=NOW),
        Held(2, mark=mark("older"), expires_at=NOW + timedelta(hours=1)),
        Held(3, mark=mark("new")),
    )

    def by(token: str) -> Verdict:
        return judge("datadog", Arrival(BODY, NOW, token_mark=mark(token)), held)

    assert (by("new"), by("older")) == (Trusted(3), Trusted(2))
    assert reason(by("old")) == "the token has run out"
    assert reason(by("wrong")) == "the token is not this integration's"
    assert judge("datadog", Arrival(BODY, NOW), held) == Untrusted("no token came with it")


def test_a_mark_tells_nothing_without_the_pepper() -> None:
    digest = claims.digest_of("t0ken")
    assert claims.mark_of(digest, pepper=b"a") != claims.mark_of(digest, pepper=b"b")
    assert digest not in claims.mark_of(digest, pepper=b"a")
