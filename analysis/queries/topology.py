"""The service graph of a workspace, as the engines take it."""

from collections.abc import Mapping

from analysis.perception.graph import Graph
from incidents.models import Service, ServiceDependency, Workspace


def edges_of(workspace: Workspace) -> list[tuple[str, str]]:
    """(caller, callee) of every call seen lately, or vouched for by people."""
    found = ServiceDependency.objects.fresh().filter(caller__workspace=workspace)
    return list(found.values_list("caller__name", "callee__name"))


def graph_of(workspace: Workspace) -> Graph:
    return Graph(edges_of(workspace))


def tiers_of(workspace: Workspace) -> Mapping[str, int]:
    """The tier of each service that is not of the ordinary one."""
    unusual = Service.objects.filter(workspace=workspace).exclude(tier=Service.Tier.IMPORTANT)
    return dict(unusual.values_list("name", "tier"))
