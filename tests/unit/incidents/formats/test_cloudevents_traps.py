"""What trips readers of CloudEvents: three modes, and an id that names the event."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from incidents.ingest.alerts import Malformed, NewAlert
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads import cloudevents
from tests.fakes.payloads.cloudevents import batch, binary, event, structured
from tests.fakes.payloads.sent import Sent

Status = AlertStatus


def the_alert(sent: Sent, mapping: object = None) -> NewAlert:
    (found,) = read("cloudevents", sent.message(), mapping=mapping).alerts
    return found


def refused(sent: Sent, mapping: object = None) -> str:
    with pytest.raises(Malformed) as caught:
        read("cloudevents", sent.message(), mapping=mapping)
    return caught.value.field


def test_all_three_modes_say_the_same() -> None:
    one = the_alert(structured())
    assert the_alert(binary()) == one
    assert the_alert(batch(event())) == one
    assert the_alert(replace(structured(), content_type="application/json")) == one
    told = {
        identity("cloudevents", sent.message()) for sent in (structured(), binary(), batch(event()))
    }
    assert len(told) == 1


def test_a_batch_that_is_sent_as_one_event_is_told_its_media_type() -> None:
    with pytest.raises(Malformed, match="application/cloudevents-batch"):
        the_alert(replace(batch(event()), content_type="application/json"))


def test_the_id_of_an_event_is_not_the_alert() -> None:
    one, again = structured(), structured(id="another", time=cloudevents.ENDED)
    assert the_alert(one).dedup_key == the_alert(again).dedup_key
    assert identity("cloudevents", one.message()) != identity("cloudevents", again.message())


@pytest.mark.parametrize("name", ["source", "id"])
def test_source_and_id_together_make_the_event(name: str) -> None:
    same = identity("cloudevents", structured(data={"title": "x"}).message())
    assert same == identity("cloudevents", structured().message())
    assert identity("cloudevents", structured(**{name: "x"}).message()) != same


@pytest.mark.parametrize("name", ["source", "subject"])
def test_another_source_or_subject_is_another_alert(name: str) -> None:
    assert the_alert(structured(**{name: "x"})).dedup_key != the_alert(structured()).dedup_key


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("firing", Status.FIRING),
        ("resolved", Status.RESOLVED),
        ("recovered", Status.RESOLVED),
        ("OK", Status.RESOLVED),
        ("acknowledged", Status.ACKNOWLEDGED),
        ("suppressed", Status.SUPPRESSED),
        ("no_data", Status.NO_DATA),
    ],
)
def test_the_last_part_of_the_type_or_the_state_of_the_data_tells_the_status(
    word: str, status: Status
) -> None:
    by_type, by_data = structured(word), structured("changed", data={"title": "x", "state": word})
    assert the_alert(by_type).status == the_alert(by_data).status == status
    assert the_alert(by_type).dedup_key == the_alert(structured()).dedup_key


def test_a_type_that_ends_in_no_state_is_a_firing_alert_of_its_own() -> None:
    found = the_alert(structured("changed"))
    assert found.status == Status.FIRING
    assert found.dedup_key != the_alert(structured()).dedup_key


def test_a_key_in_the_data_names_the_alert() -> None:
    assert the_alert(structured(data={"title": "x", "dedup_key": "disk-1"})).dedup_key == "disk-1"


@pytest.mark.parametrize(
    ("text", "number", "severity", "is_mapped"),
    [
        ("FATAL", 21, Severity.CRITICAL, True),
        ("ERROR", ..., Severity.HIGH, True),
        (..., 1, Severity.INFO, True),
        (..., 9, Severity.INFO, True),
        (..., 13, Severity.MEDIUM, True),
        (..., 17, Severity.HIGH, True),
        (..., 24, Severity.CRITICAL, True),
        ("WARN2", 14, Severity.MEDIUM, True),
        ("apocalyptic", 21, Severity.CRITICAL, True),
        ("apocalyptic", 0, Severity.MEDIUM, False),
        (..., 25, Severity.MEDIUM, False),
        (..., "many", Severity.MEDIUM, False),
        (..., -3, Severity.MEDIUM, False),
    ],
)
def test_the_severity_is_the_text_or_the_number_on_the_scale_of_opentelemetry(
    text: object, number: object, severity: Severity, is_mapped: bool
) -> None:
    for sent in (structured(severitytext=text, severitynumber=number),
                 binary(severitytext=text, severitynumber=number)):  # fmt: skip
        found = the_alert(sent)
        assert (found.severity, found.is_severity_mapped) == (severity, is_mapped)


def test_header_values_are_percent_decoded() -> None:
    headers = dict(binary().headers) | {"ce-subject": "caf%C3%A9%20%25"}
    assert the_alert(replace(binary(), headers=headers)).service == "café %"


def test_packed_data_is_unpacked() -> None:
    packed = base64.b64encode(b'{"title": "packed"}').decode()
    assert the_alert(structured(data=..., data_base64=packed)).title == "packed"
    plain = base64.b64encode(b"\xff just bytes").decode()
    assert the_alert(structured(data=..., data_base64=plain)).title == "payments"
    assert refused(structured(data=..., data_base64="?")) == "data_base64"


def test_data_that_is_no_json_leaves_the_attributes() -> None:
    sent = replace(binary(), body=b"disk is full", content_type="text/plain")
    assert the_alert(sent).title == "payments"
    assert refused(replace(sent, content_type="application/json")) == ""


def test_a_binary_event_may_have_no_body_at_all() -> None:
    assert the_alert(replace(binary(), body=b"")).title == "payments"


def test_an_event_without_data_is_an_alert_by_its_attributes() -> None:
    found = the_alert(structured(data=..., subject=...))
    assert (found.title, found.service) == ("com.example.disk.firing", "")


@pytest.mark.parametrize("version", ["0.3", 1.0, None, ...])
def test_another_version_is_refused(version: object) -> None:
    assert refused(structured(specversion=version)) == "specversion"


def test_one_wrong_event_of_a_batch_is_named() -> None:
    assert refused(batch(event(), event(source=""))) == "the batch[1].source"
    assert refused(Sent({"not": "a list"}, content_type=cloudevents.BATCH)) == "the batch"


def test_an_empty_batch_holds_nothing() -> None:
    found = read("cloudevents", batch().message(), mapping=None)
    assert (found.alerts, bool(found.note)) == ((), True)
    assert identity("cloudevents", batch().message()) == ""


def test_the_time_of_an_end_is_no_beginning() -> None:
    found = the_alert(structured("resolved", time=cloudevents.ENDED))
    assert not found.is_start_told
    told = the_alert(structured("acknowledged"))
    assert (told.starts_at, told.is_start_told) == (told.at, False), "it was there by then"


def test_a_mapping_reads_attributes_and_data() -> None:
    mapping: dict[str, Any] = {
        "title": "data.check.name",
        "key": "subject",
        "resolve_condition": "ends_with(type, 'fine')",
        "severity": "data.level",
        "severity_words": {"bad": "high"},
    }
    data = {"check": {"name": "ping"}, "level": "BAD"}
    found = the_alert(structured("fine", data=data, severitytext=...), mapping)
    assert (found.title, found.dedup_key, found.status) == ("ping", "payments", Status.RESOLVED)
    assert (found.severity, found.is_severity_mapped) == (Severity.HIGH, True)
    assert the_alert(structured("resolved", data=data), mapping).status == Status.FIRING
