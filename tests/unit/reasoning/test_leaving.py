"""What a model may see of the ledger, and under which names."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.gate import Gate, Pseudonyms
from analysis.reasoning.gate.usage import cost_usd
from analysis.types import LeavePolicy, LedgerEntry, Price, TemplateSpike, Tokens
from tests.unit.reasoning.world import entry

SPIKE = TemplateSpike("pay", "card <*> declined", "error", 40, 2.0, 0.0, is_new=False)
LOGS = entry(7, "search_logs", SPIKE, view="card 4242 of Ann declined")


def seen(policy: LeavePolicy) -> LedgerEntry:
    return Gate(policies={LOGS.draft.source: policy}).visible(LOGS)


def test_everything_may_leave_where_the_policy_says_so() -> None:
    assert seen(LeavePolicy.MAY_LEAVE) == LOGS


def test_templates_leave_and_lines_do_not() -> None:
    draft = seen(LeavePolicy.TEMPLATES_ONLY).draft
    assert draft.facts == LOGS.draft.facts
    assert "Ann" not in repr(draft)


def test_of_a_source_that_never_leaves_only_the_number_does() -> None:
    given_ = seen(LeavePolicy.NEVER)
    assert given_.seq == 7
    assert "E7" in given_.draft.summary
    assert not given_.draft.facts
    assert "declined" not in repr(given_)


def test_the_ledger_of_the_offline_reasoner_is_untouched() -> None:
    before = replace(LOGS)
    seen(LeavePolicy.NEVER)
    assert before == LOGS


IDENTITIES = {
    "db7.prod.internal": "<HOST_1>",
    "ip-10-0-3-17": "<HOST_1>",
    "checkout.shop.svc.cluster.local": "<HOST_1>",
    "api.acme.com": "<HOST_1>",
    "10.20.30.40": "<IP_1>",
    "fe80::1ff:fe23:4567:890a": "<IP_1>",
    "2001:db8::1": "<IP_1>",
    "ann.smith@acme.co.uk": "<EMAIL_1>",
    "cus_9s6XKzkNRiz8i3": "<CUST_1>",
}


@pytest.mark.parametrize(("identity", "token"), IDENTITIES.items(), ids=IDENTITIES)
def test_an_identity_is_hidden(identity: str, token: str) -> None:
    names = Pseudonyms()
    assert names.hide(f"saw {identity}, twice: {identity}.") == f"saw {token}, twice: {token}."
    assert names.hide(f'{{"at":"{identity}"}}') == f'{{"at":"{token}"}}'


@pytest.mark.parametrize(
    "text",
    ["customer_id=81723", "user 'id': 'u-81723'", '"account_number": "81723"', "tenant:81723"],
)
def test_of_a_field_only_its_value_is_hidden(text: str) -> None:
    names = Pseudonyms()
    hidden = names.hide(text)
    assert "81723" not in hidden
    assert hidden.startswith(text[:5])
    assert names.show(hidden) == text


@pytest.mark.parametrize(
    "text",
    [
        "checkout called payments 12 times in 10.5 s at 10:02:33",
        "java.lang.NullPointerException at com.acme.Cart.add(Cart.java:12)",
        "v1.2.3 of app.py, /etc/nginx/nginx.conf, 99.95 %",
        "user error, customer support, member of the group",
        "on 127.0.0.1 and localhost",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert Pseudonyms().hide(text) == text


def test_services_stay_readable_unless_they_are_machines() -> None:
    names = Pseudonyms(readable=["payments-7", "db7.prod.internal"])
    assert names.hide("payments-7 waits for db7.prod.internal") == "payments-7 waits for <HOST_1>"


def test_a_known_host_is_hidden_whatever_it_looks_like() -> None:
    names = Pseudonyms(hosts=["worker3"])
    assert names.hide("worker3 is full, worker33 is not") == "<HOST_1> is full, worker33 is not"


def test_the_same_identity_has_the_same_name_and_others_have_others() -> None:
    names = Pseudonyms()
    assert names.hide("a.corp b.corp") == "<HOST_1> <HOST_2>"
    assert names.hide("b.corp again") == "<HOST_2> again"
    later = Pseudonyms(names.originals)
    assert later.hide("c.corp b.corp") == "<HOST_3> <HOST_2>"


IDENTITY = st.sampled_from(sorted(IDENTITIES)) | st.sampled_from(["<HOST_1>", "<IP_2>", "<CUST_1>"])
TEXTS = st.lists(st.text(max_size=20) | IDENTITY, max_size=8).map(" ".join)


@given(TEXTS)
def test_what_was_hidden_comes_back(text: str) -> None:
    names = Pseudonyms()
    assert names.show(names.hide(text)) == text


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    names = Pseudonyms()
    assert names.show(names.hide(text)) == text


@given(TEXTS)
def test_hidden_twice_is_hidden_once_and_nothing_known_is_left(text: str) -> None:
    names = Pseudonyms()
    once = names.hide(text)
    assert names.hide(once) == once
    assert names.known_in(once) == []


def test_a_long_prompt_has_its_own_price() -> None:
    price = Price(1, 1, 1, 1, Price(5, 5, 5, 5), 100)
    assert cost_usd(price, Tokens(input=100)) == pytest.approx(1e-4)
    assert cost_usd(price, Tokens(input=50, cache_read=51)) == pytest.approx(5.05e-4)
