"""CloudWatch alarms: the SNS envelope with the alarm as a text in it, and the EventBridge event.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html.
"""

import json
from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

STARTED, ENDED = "2026-03-01T11:50:00.236+0000", "2026-03-01T11:58:00.000+0000"
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:api-5xx-critical"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


def alarm(**fields: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "AlarmName": "api-5xx-critical",
        "AlarmDescription": None,
        "AWSAccountId": "123456789012",
        "AlarmConfigurationUpdatedTimestamp": "2026-02-01T00:00:00.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 datapoint (10.0) was greater than (1.0).",
        "StateChangeTime": STARTED,
        "Region": "EU (Ireland)",
        "AlarmArn": ARN,
        "OldStateValue": "OK",
        "OKActions": [],
        "Trigger": {
            "MetricName": "5XXError",
            "Namespace": "AWS/ApiGateway",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": None,
            "Dimensions": [{"value": "shop-api", "name": "ApiName"}],
            "Period": 300,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 1.0,
            "TreatMissingData": "missing",
        },
    }
    return without_blanks(usual | fields)


def notification(inner: Any, **fields: Any) -> Sent:
    usual = {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": TOPIC,
        "Subject": 'ALARM: "api-5xx-critical" in EU (Ireland)',
        "Message": inner if isinstance(inner, str) else json.dumps(inner),
        "Timestamp": "2026-03-01T11:50:00.300Z",
        "SignatureVersion": "1",
        "Signature": "c2lnbmF0dXJl",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    }
    return Sent(without_blanks(usual | fields), content_type="text/plain; charset=UTF-8")


def sns(**fields: Any) -> Sent:
    return notification(alarm(**fields))


def sns_resolved() -> Sent:
    over = alarm(NewStateValue="OK", OldStateValue="ALARM", StateChangeTime=ENDED)
    return notification(over, MessageId="11df01b4-ee98-5cb9-9903-4c221d41eb5e")


def sns_no_data() -> Sent:
    return sns(NewStateValue="INSUFFICIENT_DATA")


def asks(kind: str = "SubscriptionConfirmation", **fields: Any) -> Sent:
    token = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"
    usual = {"Type": kind, "SubscribeURL": token, "Token": "2336"}
    return notification("You have chosen to subscribe to the topic.", **(usual | fields))


def composite() -> Sent:
    rule = "ALARM(api-5xx) AND ALARM(api-latency)"
    return sns(Trigger=..., AlarmRule=rule, AlarmName="api", TriggeringChildren=[])


def event(**detail: Any) -> Sent:
    usual_detail = {
        "alarmName": "api-5xx-critical",
        "configuration": {
            "description": "Goes into alarm when the API fails",
            "metrics": [
                {
                    "id": "30b6c6b2-a864-43a2-4877-c09a1afc3b87",
                    "metricStat": {
                        "metric": {
                            "dimensions": {"ApiName": "shop-api"},
                            "name": "5XXError",
                            "namespace": "AWS/ApiGateway",
                        },
                        "period": 300,
                        "stat": "Sum",
                    },
                    "returnData": True,
                }
            ],
        },
        "previousState": {
            "reason": "Threshold Crossed: no datapoint was greater than the threshold (1.0).",
            "timestamp": "2026-03-01T10:00:00.000+0000",
            "value": "OK",
        },
        "state": {
            "reason": "Threshold Crossed: 1 datapoint (10.0) was greater than (1.0).",
            "reasonData": "{}",
            "timestamp": STARTED,
            "value": "ALARM",
        },
    }
    return Sent(
        {
            "version": "0",
            "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": "123456789012",
            "time": "2026-03-01T11:50:00Z",
            "region": "eu-west-1",
            "resources": [ARN],
            "detail": without_blanks(usual_detail | detail),
        }
    )


def event_state(value: str, timestamp: str = STARTED, **fields: Any) -> Sent:
    state = {"reason": "x", "timestamp": timestamp, "value": value} | fields
    return event(state=state).but(("id",), f"id-of-{value}-{timestamp}")
