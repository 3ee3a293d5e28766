"""Which addresses are looked at: read strictly, and none where clouds keep credentials."""

import pytest

from airra.lib import addresses
from airra.lib.addresses import Address, BadAddress


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://payments", Address("https", "payments", 443)),
        ("http://payments:8080/health", Address("http", "payments", 8080, "/health")),
        ("tcp://store:5432", Address("tcp", "store", 5432)),
        ("https://[2001:db8::1]:8443/", Address("https", "2001:db8::1", 8443)),
    ],
)
def test_an_address_is_read(text: str, expected: Address) -> None:
    assert addresses.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "payments:8080",
        "file:///etc/passwd",
        "gopher://payments:70",
        "tcp://store",
        "https://user:word@payments",
        "https://payments/?q=1",
        "https://payments/#x",
        "https://payments:99999",
        "https://[::1",
        "https://",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        addresses.parse(text)


@pytest.mark.parametrize(
    "number",
    [
        "169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254",
        "100.100.100.200", "192.0.0.192", "0.0.0.0", "::", "224.0.0.1", "ff02::1",  # noqa: S104 - refused
        "255.255.255.255", "240.0.0.1", "payments",
    ],
)  # fmt: skip
def test_numbers_that_nobody_connects_to(number: str) -> None:
    assert addresses.refused(number)


@pytest.mark.parametrize("number", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "203.0.113.9"])
def test_ones_own_networks_are_looked_at(number: str) -> None:
    assert addresses.refused(number) == ""


def test_a_name_that_is_a_refused_number_is_refused() -> None:
    with pytest.raises(BadAddress, match="credentials"):
        addresses.resolve("169.254.169.254", 80)
    with pytest.raises(BadAddress, match="no name"):
        addresses.resolve("a" * 70 + ".example", 80)
    assert addresses.resolve("127.0.0.1", 80) == ("127.0.0.1",)
