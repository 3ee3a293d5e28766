"""Our own template, filled in as https://docs.datadoghq.com/integrations/webhooks/ says."""

import json
from typing import Any

from incidents.ingest.formats.datadog import TEMPLATE
from tests.fakes.payloads.sent import Sent, without_blanks

STARTED_MS, ENDED_MS = "1772365800000", "1772366280000"  # 2026-03-01 11:50 and 11:58
FILLED = {
    "id": "7123456789012345678",
    "last_updated": STARTED_MS,
    "date": STARTED_MS,
    "alert_id": "1234",
    "alert_cycle_key": "28372837283728372",
    "aggreg_key": "9bd4ac313a4d1e8fae2482df7b77628",
    "alert_scope": "availability-zone:us-east-1a,role:computing-node",
    "alert_title": "[Triggered on {host:web-1}] CPU is high",
    "alert_transition": "Triggered",
    "alert_type": "error",
    "alert_priority": "P2",
    "alert_status": "system.load.1 over host:web-1 was > 0 at least once during the last 1m",
    "alert_metric": "system.load.1",
    "event_title": "[Triggered] [Memory Alert]",
    "text_only_msg": "CPU is high on web-1",
    "hostname": "web-1",
    "tags": "monitor,env:prod,service:payments,service:other",
    "link": "https://app.datadoghq.com/event/event?id=7123456789012345678",
    "org_name": "Shop",
}


def firing(**fields: Any) -> Sent:
    usual = {name: FILLED[name] for name in json.loads(TEMPLATE)}
    return Sent(without_blanks(usual | fields))


def resolved(transition: str = "Recovered", **fields: Any) -> Sent:
    told = {"id": "7123456789012345999", "date": ENDED_MS, "last_updated": ENDED_MS}
    return firing(alert_transition=transition, alert_type="success", **told, **fields)


def no_data() -> Sent:
    return firing(alert_transition="No Data", id="7123456789012345444")


def titled(text: str) -> Sent:
    return firing(alert_title=text)


def severe(word: str) -> Sent:
    return firing(alert_priority="", alert_type=word)
