"""Every rig: its name in test ids, and what has to be there for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.contract.executors.rig import Rig
from tests.contract.executors.rig_docker import FakeDocker, RealDocker
from tests.contract.executors.rig_haproxy import RealHaproxy
from tests.contract.executors.rig_kubernetes import FakeKubernetes, FakeKubernetesWithTokens
from tests.contract.executors.rig_postgres import RealPostgres
from tests.contract.executors.rig_script import SignedScript
from tests.contract.executors.rig_systemd import RealSshd
from tests.contract.executors.rig_webhook import FakeWebhook, LabWebhook


@dataclass(frozen=True)
class Case:
    rig: type[Rig]
    marks: tuple[pytest.MarkDecorator, ...] = ()


RIGS: dict[str, Case] = {
    "webhook-fake": Case(FakeWebhook),
    "webhook-lab": Case(LabWebhook, (pytest.mark.slow,)),
    "kubernetes-fake": Case(FakeKubernetes),
    "kubernetes-fake-tokens": Case(FakeKubernetesWithTokens),
    "docker-fake": Case(FakeDocker),
    "docker-dockerd": Case(RealDocker, (pytest.mark.live,)),
    "postgres": Case(RealPostgres, (pytest.mark.live,)),
    "haproxy": Case(RealHaproxy, (pytest.mark.live,)),
    "script": Case(SignedScript),
    "systemd": Case(RealSshd, (pytest.mark.live,)),
}


def each_rig() -> Iterator[object]:
    for name, case in RIGS.items():
        yield pytest.param(case.rig, id=name, marks=case.marks)


def each_action() -> Iterator[object]:
    for name, case in RIGS.items():
        for action in case.rig.actions:
            yield pytest.param((case.rig, action), id=f"{name}-{action}", marks=case.marks)
