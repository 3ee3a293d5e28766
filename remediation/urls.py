"""The approval queue, the decision itself, and asking for an action."""

from django.urls import path

from remediation.views import approvals, plan

app_name = "remediation"
urlpatterns = [
    path("approvals/", approvals.queue, name="approvals"),
    path("approvals/live/", approvals.queue_live, name="approvals-live"),
    path("approvals/<uuid:approval_id>/", approvals.approval, name="approval"),
    path("approvals/<uuid:approval_id>/decision/", approvals.decision, name="decision"),
    path("plans/<uuid:plan_id>/revise/", plan.revise, name="revise"),
    path("incidents/<str:key>/act/", plan.request_action, name="request-action"),
]
