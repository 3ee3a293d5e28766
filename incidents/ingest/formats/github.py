"""GitHub's deployments: the events `deployment` and `deployment_status` of a repository's webhook.

https://docs.github.com/en/webhooks/webhook-events-and-payloads. What a body is stands in the header
`X-GitHub-Event`. All events of one deployment are one change.
"""

from incidents.ingest.alerts import Batch, Message, NewChange, clean
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.draft import digest, first, fitted

_AT_WORK = ("in_progress", "success", "failure", "error")  # the others wait, or tidy up later


def parse(message: Message) -> Batch:
    """The change of one event. Raises `Malformed` with the field that is wrong."""
    body = document(message)
    event = clean(message.headers.get("x-github-event", "")) or _event(body)
    if event == "ping":
        return Batch(note="GitHub's ping: the webhook reaches AIRRA")
    if event not in ("deployment", "deployment_status"):
        return Batch(note=f"the event {event[:80] or 'without a name'}, which is no deployment")
    state = body["deployment_status"]["state"].text() if event == "deployment_status" else ""
    if event == "deployment_status":
        if not state:
            body["deployment_status"]["state"].refuse("the state of the deployment")
        if state not in _AT_WORK:
            return Batch(note=f"a deployment that is {state[:80]}: nothing has changed yet")
    return Batch(changes=(_change(body, state, message),))


def identity(message: Message) -> str:
    """The GUID of the event, which GitHub keeps when it is delivered again."""
    told = message.headers.get("x-github-delivery", "")
    return digest("github", told) if told else ""


def _event(body: Field) -> str:
    """By its content, when the header was lost on the way."""
    for name, event in (("zen", "ping"), ("deployment_status", "deployment_status")):
        if not body[name].is_missing:
            return event
    return "" if body["deployment"].is_missing else "deployment"


def _change(body: Field, state: str, message: Message) -> NewChange:
    deployment, repository = body["deployment"], body["repository"]
    number, service = deployment["id"].word(), repository["name"].text()
    for needed in (deployment["id"], repository["name"]):
        if not needed.word():
            needed.refuse("what GitHub puts there")
    status = body["deployment_status"] if state else deployment
    environment, ref = deployment["environment"].text(), deployment["ref"].text()
    task = deployment["task"].text()
    title = f"{task or 'deploy'} {ref} to {environment}" + (f": {state}" if state else "")
    pages = [status[name].text() for name in ("log_url", "target_url")] if state else []
    return fitted(
        NewChange(
            dedup_key=f"github:{repository['id'].word()}:{number}",
            at=status["created_at"].moment() or message.received_at,
            kind="deploy" if task.startswith("deploy") or not task else "other",
            service=service,
            title=title,
            actor=_login(deployment["creator"]) or _login(body["sender"]),
            after=environment,
            revision=deployment["sha"].text(),
            url=first((*pages, repository["html_url"].text())),
        ),
        received_at=message.received_at,
    )


def _login(person: Field) -> str:
    return "" if person.is_missing else person["login"].text()
