"""What people paste at a sender, so that it delivers here. Text alone: nothing is asked."""

from dataclasses import dataclass

HIDDEN = "<the secret of this integration>"


@dataclass(frozen=True)
class Door:
    """Where one integration takes deliveries. `secret` is shown only when it has just been made."""

    base_url: str
    integration_id: str
    secret: str = HIDDEN
    topics: tuple[str, ...] = ()
    template: str = ""  # the body of our making, for a sender that lets people write it

    @property
    def hook(self) -> str:
        return f"{self.base_url}/hooks/{self.integration_id}/"


@dataclass(frozen=True)
class Snippet:
    title: str
    text: str


def alertmanager(door: Door) -> list[Snippet]:
    text = f"""\
receivers:
  - name: airra
    webhook_configs:
      - url: {door.hook}
        send_resolved: true
        http_config:
          authorization:
            type: Bearer
            credentials: {door.secret}
"""
    routes = """\
    - receiver: airra
      continue: true
    - receiver: <the receiver of the root, where there are no routes yet>
"""
    return [Snippet("Among the receivers", text), Snippet("First among the routes", routes)]


def grafana(door: Door) -> list[Snippet]:
    text = f"""\
apiVersion: 1
contactPoints:
  - orgId: 1
    name: AIRRA
    receivers:
      - uid: airra
        type: webhook
        disableResolveMessage: false
        settings:
          url: {door.hook}
          httpMethod: POST
          authorization_scheme: Bearer
          authorization_credentials: {door.secret}
"""
    return [Snippet("provisioning/alerting/airra.yaml", text)]


def datadog(door: Door) -> list[Snippet]:
    return [
        Snippet("Custom headers", f'{{"Authorization": "Bearer {door.secret}"}}\n'),
        Snippet("Payload", door.template),
        Snippet("In the message of each monitor", "@webhook-airra\n"),
    ]


def sns(door: Door) -> list[Snippet]:
    commands = [
        f"aws sns subscribe --protocol https --topic-arn {topic} \\\n"
        f"  --notification-endpoint {door.hook}\n"
        for topic in door.topics or ("arn:aws:sns:<region>:<account>:<topic>",)
    ]
    return [Snippet("Subscribe", "".join(commands))]


def eventbridge(door: Door) -> list[Snippet]:
    text = f"""\
aws events create-connection --name airra --authorization-type API_KEY --auth-parameters \\
  '{{"ApiKeyAuthParameters": {{"ApiKeyName": "X-Api-Key",
    "ApiKeyValue": "{door.secret}"}}}}'
aws events create-api-destination --name airra --http-method POST \\
  --connection-arn <ConnectionArn> --invocation-endpoint {door.hook}
aws events put-rule --name airra-alarms --event-pattern \\
  '{{"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}}'
aws events put-targets --rule airra-alarms --targets \\
  '[{{"Id": "airra", "Arn": "<ApiDestinationArn>",
    "RoleArn": "<a role that may events:InvokeApiDestination>"}}]'
"""
    return [Snippet("Connection, destination, rule", text)]


def pagerduty_events(door: Door) -> list[Snippet]:
    trigger = f"""\
curl {door.base_url}/v2/enqueue -H 'Content-Type: application/json' -d '{{
  "routing_key": "{door.secret}", "event_action": "trigger", "dedup_key": "disk-db-1",
  "payload": {{"summary": "disk of db-1 is full", "source": "db-1", "severity": "critical",
              "component": "payments"}}}}'
"""
    change = f"""\
curl {door.base_url}/v2/change/enqueue -H 'Content-Type: application/json' -d '{{
  "routing_key": "{door.secret}",
  "payload": {{"summary": "payments v4.2.0", "source": "ci",
              "custom_details": {{"service": "payments"}}}}}}'
"""
    return [Snippet("Try an alert", trigger), Snippet("Try a change", change)]


def cloudevents(door: Door) -> list[Snippet]:
    text = f"""\
curl {door.hook} -H 'Authorization: Bearer {door.secret}' \\
  -H 'Content-Type: application/cloudevents+json' -d '{{
  "specversion": "1.0", "id": "'$(date +%s%N)'", "source": "/checks/disk",
  "type": "org.example.disk.full", "subject": "payments",
  "severitytext": "ERROR", "data": {{"title": "disk is full", "state": "firing"}}}}'
"""
    return [Snippet("Try it", text)]


def generic(door: Door) -> list[Snippet]:
    text = f"""\
curl {door.hook} -H 'Authorization: Bearer {door.secret}' \\
  -H 'Content-Type: application/json' -d '{{
  "title": "disk is full", "service": "payments", "severity": "high", "state": "firing"}}'
"""
    over = text.replace('"firing"', '"resolved"')
    return [Snippet("An alert", text), Snippet("Its end", over)]


def generic_signed(door: Door) -> list[Snippet]:
    text = f"""\
key='{door.secret}'
body='{{"title": "disk is full", "service": "payments", "severity": "high", "state": "firing"}}'
t=$(date +%s)
signature=$(printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "$key" -r | cut -d' ' -f1)
curl {door.hook} -H "X-Airra-Signature: t=$t,v1=$signature" \\
  -H 'Content-Type: application/json' --data-raw "$body"
"""
    return [Snippet("An alert", text)]


def changes(door: Door) -> list[Snippet]:
    send = f"""\
curl {door.hook} -H 'Authorization: Bearer {door.secret}' \\
  -H 'Content-Type: application/json' -d '{{
  "id": "payments-4711", "kind": "deploy", "service": "payments", "title": "payments v4.2.0",
  "from": "v4.1.9", "to": "v4.2.0", "revision": "4f2c1ab", "actor": "ana"}}'
"""
    step = f"""\
- name: Tell AIRRA
  env:
    TOKEN: ${{{{ secrets.AIRRA_TOKEN }}}}
  run: |
    curl --fail {door.hook} \\
      -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{
      "id": "'"$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT"'", "kind": "deploy", "service": "payments",
      "title": "'"$GITHUB_REPOSITORY $GITHUB_REF_NAME"'", "revision": "'"$GITHUB_SHA"'",
      "actor": "'"$GITHUB_ACTOR"'"}}'
"""
    return [Snippet("At the end of a deploy", send), Snippet("A step of GitHub Actions", step)]


def github(door: Door) -> list[Snippet]:
    text = f"""\
gh api repos/<owner>/<repository>/hooks -f name=web -F active=true \\
  -f 'events[]=deployment' -f 'events[]=deployment_status' \\
  -f 'config[url]={door.hook}' -f 'config[content_type]=json' \\
  -f 'config[secret]={door.secret}'
"""
    return [Snippet("With the GitHub CLI", text)]


def nothing(door: Door) -> list[Snippet]:
    return []
