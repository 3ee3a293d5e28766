"""CloudWatch alarms over EventBridge: one event for each change of an alarm's state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from incidents.ingest.alerts import Batch, Message, NewAlert
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.cloudwatch import service_of, severity_word, status_of
from incidents.ingest.formats.draft import Draft, digest
from incidents.lifecycle import AlertStatus

STATE_CHANGE = "CloudWatch Alarm State Change"
_NO_STATE_OF_AN_ALARM = {  # a rule that takes all of `aws.cloudwatch` brings them too
    "CloudWatch Alarm Configuration Change": "a change of an alarm's configuration, not its state",
    "CloudWatch Alarm Contributor State Change": "one contributor; its alarm tells its own state",
}


def parse(message: Message) -> Batch:
    """The alarm of one event. Raises `Malformed` with the field that is wrong."""
    event = document(message)
    kind = event["detail-type"].text()
    if kind in _NO_STATE_OF_AN_ALARM:
        return Batch(note=_NO_STATE_OF_AN_ALARM[kind])
    if kind != STATE_CHANGE:
        event["detail-type"].refuse(f'"{STATE_CHANGE}"')
    return Batch((_alarm(event, message),))


def identity(message: Message) -> str:
    told = document(message)["id"].text()
    return digest("eventbridge", told) if told else ""


def _alarm(event: Field, message: Message) -> NewAlert:
    detail, arn = event["detail"], _arn(event["resources"])
    name, state = detail["alarmName"].text(), detail["state"]
    if not name:
        detail["alarmName"].refuse("the name of an alarm")
    status = status_of(state["value"])
    if status == AlertStatus.FIRING and state["actionsSuppressedBy"].text():
        status = AlertStatus.SUPPRESSED  # a composite alarm whose suppressor holds it back
    changed_at = state["timestamp"].moment()
    dimensions = _dimensions(detail["configuration"])
    tags = detail["alarmTags"].facts()
    about = {"account": event["account"].word(), "region": event["region"].text()}
    return Draft(
        key=arn,
        title=name,
        status=status,
        word=severity_word(tags, name),
        starts_at=None if status == AlertStatus.RESOLVED else changed_at,
        ends_at=changed_at,
        at=changed_at,
        service=service_of(tags, dimensions),
        description=_description(detail),
        labels=dimensions | tags | {key: value for key, value in about.items() if value},
    ).alert(message.received_at)


def _arn(resources: Field) -> str:
    found = resources.items()
    if not found or not found[0].text():
        resources.refuse("a list that begins with the ARN of the alarm")
    return found[0].text()


def _description(detail: Field) -> str:
    configuration = detail["configuration"]
    told = "" if configuration.is_missing else configuration["description"].text()
    return "\n".join(part for part in (detail["state"]["reason"].text(), told) if part)


def _dimensions(configuration: Field) -> dict[str, str]:
    if configuration.is_missing or configuration["metrics"].is_missing:
        return {}
    found: dict[str, str] = {}
    for metric in configuration["metrics"].items():
        stat = metric["metricStat"]
        if not stat.is_missing and not stat["metric"].is_missing:
            found |= stat["metric"]["dimensions"].words()
    return found
