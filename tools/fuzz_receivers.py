"""Spoilt deliveries over HTTP, proven and not, to every receiver: `python -m tools.fuzz_receivers`.

Through Django's handler with every middleware, on an SQLite file of its own, jobs in the caller.
No answer may be a 5xx; what was answered 2xx has to be a row, and no row may be left waiting.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from typing import Any

_place = tempfile.TemporaryDirectory(prefix="airra-fuzz-")
os.environ["AIRRA_VAR_DIR"] = _place.name  # noqa: TID251 - never a database somebody uses
os.environ["AIRRA_DATABASE_URL"] = f"sqlite://{_place.name}/fuzz.sqlite3"  # noqa: TID251
os.environ.setdefault("AIRRA_SECRET_KEY", "fuzz")  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "CRITICAL")  # noqa: TID251
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings_test")  # noqa: TID251

import django  # noqa: E402

django.setup()

from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from airra.lib import clock  # noqa: E402
from incidents.commands.integration import create_integration  # noqa: E402
from incidents.models import Delivery, Integration, Workspace  # noqa: E402
from tests.fakes.payloads.cloudwatch import TOPIC  # noqa: E402
from tests.fakes.payloads.sent import NOW, Sent  # noqa: E402
from tests.fakes.payloads.valid import VALID  # noqa: E402
from tests.fakes.signers import SIGNERS, UNIX  # noqa: E402
from tests.fakes.sns_signer import Signer  # noqa: E402
from tools.fuzz_intake import POOL, mapping_for, spoilt  # noqa: E402

KEY = "the key that signs"
SNS = Signer.made(until=NOW.replace(year=2027))


class Receiver:
    """An integration, and posts to its address; most are proven, some are not."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        topics = [TOPIC] if kind == "cloudwatch_sns" else []
        self.integration, self.token = create_integration(
            workspace=Workspace.objects.get(), name=kind, kind=kind, by=None, topics=topics
        )
        Integration.objects.filter(pk=self.integration.pk).update(rate_per_min=1_000_000)
        if kind in {"pagerduty", "sentry", "github"}:
            self._sign_with_key()

    def _sign_with_key(self) -> None:
        from airra.lib.sealed import seal  # noqa: PLC0415 - needs the settings

        self.integration.secrets.all().delete()
        self.integration.secrets.create(use="signing", sealed=seal(KEY.encode()))

    def post(self, sent: Sent, chance: random.Random) -> int:
        client = Client(raise_request_exception=False, SERVER_NAME="localhost")
        raw, path = self._addressed(sent, chance), f"/hooks/{self.integration.pk}/"
        if self.kind == "pagerduty_events":
            path = "/v2/change/enqueue" if sent.channel else "/v2/enqueue"
        headers = {
            name: value.encode("utf-8", "replace").decode("latin-1")
            for name, value in {**sent.headers, **self._proof(raw, chance)}.items()
        }
        answer = client.generic("POST", path, raw, sent.content_type or "", headers=headers)
        return int(answer.status_code)

    def _proof(self, raw: bytes, chance: random.Random) -> dict[str, str]:
        if chance.random() < 0.05:
            return {"Authorization": str(chance.choice(POOL))[:200]}
        if self.kind in {"pagerduty", "sentry", "github"}:
            return SIGNERS[self.kind](KEY.encode(), raw, UNIX)
        return {"Authorization": f"Bearer {self.token}"}

    def _addressed(self, sent: Sent, chance: random.Random) -> bytes:
        """With the routing key or Amazon's signature, where the spoilt body can still hold it."""
        if self.kind not in {"pagerduty_events", "cloudwatch_sns"} or chance.random() < 0.1:
            return sent.raw
        try:
            document: Any = json.loads(sent.raw)
            if self.kind == "pagerduty_events":
                return json.dumps({**document, "routing_key": self.token}).encode()
            signed = SNS.signed({**document, "Timestamp": NOW.isoformat()})
            cache.set(f"airra:sns:{signed['SigningCertURL']}", SNS.pem.decode(), 60)
            return json.dumps(signed).encode()
        except (ValueError, TypeError, KeyError, RecursionError):
            return sent.raw


def fuzz(kind: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The fates of `count` bodies, and what broke a promise."""
    chance = random.Random(f"{seed} http {kind}")  # noqa: S311 - to be repeated
    receiver, fates, failures = Receiver(kind), Counter[str](), []
    for number in range(count):
        if number % 50 == 0:
            mapping = mapping_for(kind, chance)
            Integration.objects.filter(pk=receiver.integration.pk).update(mapping=mapping)
        sent = spoilt(chance.choice(VALID[kind]), chance)
        before = Delivery.objects.filter(integration=receiver.integration).count()
        status = receiver.post(sent, chance)
        fates[str(status)] += 1
        kept = Delivery.objects.filter(integration=receiver.integration).count()
        is_lost = status == 202 and kept == before and kind != "pagerduty_events"
        if status >= 500 or is_lost:
            why = "lost" if is_lost else str(status)
            failures.append(f"{kind}: {why}\n  {sent.raw[:400]!r}\n  {sent.headers}")
    own = Delivery.objects.filter(integration=receiver.integration)
    for state in own.values_list("state", flat=True):
        fates[state] += 1
    failures += [f"{kind}: waits: {d.error}" for d in own.filter(state="stored")[:5]]
    broken = own.filter(state="failed").exclude(error__startswith="the subscription is not")
    failures += [f"{kind}: failed: {d.error}" for d in broken[:5]]
    return fates, failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=1000, help="bodies for each receiver")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    failures: list[str] = []
    begun = time.monotonic()
    with clock.frozen(NOW):
        for kind in VALID:
            fates, wrong = fuzz(kind, given.each, given.seed)
            failures += wrong
            told = " ".join(f"{fate} {n}" for fate, n in sorted(fates.items()))
            print(f"{kind:<18} {told}", flush=True)  # noqa: T201 - its output
    bodies = given.each * len(VALID)
    print(f"{bodies} bodies in {time.monotonic() - begun:.0f} s, {len(failures)} failures")  # noqa: T201
    for failure in failures[:20]:
        print(failure)  # noqa: T201
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
