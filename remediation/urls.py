"""The approval queue, the decision itself, and asking for an action."""

from django.urls import path

from remediation.views import approvals, delegations, plan, simulate, stops

app_name = "remediation"
urlpatterns = [
    path("approvals/", approvals.queue, name="approvals"),
    path("approvals/live/", approvals.queue_live, name="approvals-live"),
    path("approvals/fatigue/", approvals.how_it_goes, name="fatigue"),
    path("approvals/delegations/", delegations.delegations, name="delegations"),
    path(
        "approvals/delegations/<uuid:delegation_id>/end/",
        delegations.end_delegation,
        name="end-delegation",
    ),
    path("approvals/link/<str:token>/", approvals.by_link, name="approval-link"),
    path("approvals/<uuid:approval_id>/", approvals.approval, name="approval"),
    path("approvals/<uuid:approval_id>/standing/", approvals.standing, name="standing"),
    path("approvals/<uuid:approval_id>/decision/", approvals.decision, name="decision"),
    path("stop/", stops.stop, name="stop"),
    path("stop/<uuid:switch_id>/end/", stops.start_again, name="start-again"),
    path("policy/simulate/", simulate.simulate, name="simulate"),
    path("plans/<uuid:plan_id>/revise/", plan.revise, name="revise"),
    path("incidents/<str:key>/act/", plan.request_action, name="request-action"),
]
