"""CloudWatch alarms over SNS: an envelope, and in its `Message` the alarm as a JSON *text*.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html. The envelope comes as
text/plain. Whether it is signed is asked before anything is read here.
"""

from incidents.ingest.alerts import Batch, Handshake, Malformed, Message, NewAlert
from incidents.ingest.fields import Field, decode, document
from incidents.ingest.formats.cloudwatch import service_of, severity_word, status_of
from incidents.ingest.formats.draft import Draft, digest
from incidents.lifecycle import AlertStatus

_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")


def parse(message: Message) -> Batch:
    """The alarm of a notification, or what the topic asks. Raises `Malformed` with the field."""
    body = document(message)
    kind = body["Type"].text()
    if kind not in _TYPES:
        body["Type"].refuse(f"one of {', '.join(_TYPES)}; raw message delivery must be off")
    if kind == "SubscriptionConfirmation":
        return Batch(handshake=_handshake(body), note="the topic asks to be confirmed")
    if kind == "UnsubscribeConfirmation":
        return Batch(note="the topic was unsubscribed: nothing more will come from it")
    return Batch((_alarm(_inner(body["Message"]), message),))


def identity(message: Message) -> str:
    told = document(message)["MessageId"].text()
    return digest("sns", told) if told else ""


def _handshake(body: Field) -> Handshake:
    topic, url = body["TopicArn"], body["SubscribeURL"]
    for needed in (topic, url):
        if not needed.text():
            needed.refuse("a text, as SNS sends it")
    if not url.text().startswith("https://"):
        url.refuse("an https address")
    return Handshake(topic=topic.text(), url=url.text())


def _inner(place: Field) -> Field:
    if not isinstance(place.value, str):
        place.refuse("the JSON of an alarm, as a text")
    try:
        found = decode(place.value)
    except Malformed as wrong:
        raise Malformed("Message", "the JSON of an alarm, as a text", place.text()[:60]) from wrong
    return Field("Message", found)


def _alarm(alarm: Field, message: Message) -> NewAlert:
    name = alarm["AlarmName"].text()
    if not name:
        alarm["AlarmName"].refuse("the name of an alarm")
    status = status_of(alarm["NewStateValue"])
    changed_at = alarm["StateChangeTime"].moment()
    dimensions = _dimensions(alarm["Trigger"])
    tags = alarm["AlarmTags"].facts()
    parts = (alarm["NewStateReason"].text(), alarm["AlarmDescription"].text())
    return Draft(
        key=_key(alarm, name),
        title=name,
        status=status,
        word=severity_word(tags, name),
        starts_at=None if status == AlertStatus.RESOLVED else changed_at,
        ends_at=changed_at,
        at=changed_at,
        service=service_of(tags, dimensions),
        description="\n".join(part for part in parts if part),
        labels=dimensions | tags | _about(alarm),
    ).alert(message.received_at)


def _key(alarm: Field, name: str) -> str:
    """The alarm's ARN, which the oldest senders leave out."""
    arn = alarm["AlarmArn"].text()
    return arn or digest(alarm["AWSAccountId"].word(), alarm["Region"].text(), name)


def _about(alarm: Field) -> dict[str, str]:
    trigger = alarm["Trigger"]
    has_trigger = not trigger.is_missing  # a composite alarm has a rule in its place
    told = {
        "account": alarm["AWSAccountId"].word(),
        "region": alarm["Region"].text(),
        "namespace": trigger["Namespace"].text() if has_trigger else "",
        "metric": trigger["MetricName"].text() if has_trigger else "",
    }
    return {name: value for name, value in told.items() if value}


def _dimensions(trigger: Field) -> dict[str, str]:
    """Of the alarm's metric, or of all metrics that its expression is made of."""
    if trigger.is_missing:
        return {}
    places = [trigger["Dimensions"]]
    if not trigger["Metrics"].is_missing:
        stats = [metric["MetricStat"] for metric in trigger["Metrics"].items()]
        metrics = [stat["Metric"] for stat in stats if not stat.is_missing]
        places += [metric["Dimensions"] for metric in metrics if not metric.is_missing]
    pairs = [pair for place in places if not place.is_missing for pair in place.items()]
    return {pair["name"].text(): pair["value"].word() for pair in pairs}
