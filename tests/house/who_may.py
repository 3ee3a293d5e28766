"""Who gets which answer: the table of every page, every model's settings, every call of the API."""

# Anonymous; an admin of another workspace; the four roles of this one. Both admins are staff.
PERSONAS = ("anonymous", "outsider", "viewer", "responder", "approver", "admin")

# What each persona is answered. A page without a row for POST answers it as a GET, or with 405.
PAGES = """
home                        GET   302 302 302 302 302 302
rail                        GET   302 200 200 200 200 200
login                       GET   200 302 302 302 302 302
logout                      GET   302 405 405 405 405 405
logout                      POST  302 302 302 302 302 302
incidents:list              GET   302 200 200 200 200 200
incidents:rows              GET   302 200 200 200 200 200
incidents:new               GET   302 200 403 200 200 200
incidents:new               POST  302 422 403 422 422 422
incidents:acknowledge-many  GET   302 405 405 405 405 405
incidents:acknowledge-many  POST  302 404 403 302 302 302
incidents:save-view         GET   302 200 200 200 200 200
incidents:save-view         POST  302 422 422 422 422 422
incidents:save-alert-view   GET   302 200 200 200 200 200
incidents:save-alert-view   POST  302 422 422 422 422 422
incidents:delete-view       GET   302 405 405 405 405 405
incidents:delete-view       POST  302 404 302 404 404 404
incidents:acknowledge       GET   302 405 405 405 405 405
incidents:acknowledge       POST  302 404 403 302 302 302
incidents:assign            GET   302 404 403 200 200 200
incidents:assign            POST  302 404 403 302 302 302
incidents:resolve           GET   302 404 403 200 200 200
incidents:resolve           POST  302 404 403 302 302 302
incidents:reopen            GET   302 404 403 200 200 200
incidents:reopen            POST  302 404 403 409 409 409
incidents:close             GET   302 405 405 405 405 405
incidents:close             POST  302 404 403 409 409 409
incidents:note              GET   302 405 405 405 405 405
incidents:note              POST  302 404 403 302 302 302
incidents:grouping-rules    GET   302 200 200 200 200 200
incidents:grouping-rule-new GET   302 200 403 200 200 200
incidents:grouping-rule-new POST  302 422 403 403 403 422
incidents:grouping-rule     GET   302 404 403 200 200 200
incidents:grouping-rule     POST  302 404 403 403 403 422
incidents:grouping-rule-switch GET   302 405 405 405 405 405
incidents:grouping-rule-switch POST  302 404 403 403 403 302
incidents:rule-trial        GET   302 404 200 200 200 200
incidents:rule-trial-live   GET   302 404 200 200 200 200
incidents:rule-trial-cancel GET   302 405 405 405 405 405
incidents:rule-trial-cancel POST  302 404 403 302 302 302
incidents:placements        GET   302 404 200 200 200 200
incidents:merge             GET   302 404 403 200 200 200
incidents:merge             POST  302 404 403 422 422 422
incidents:unmerge           GET   302 404 403 200 200 200
incidents:unmerge           POST  302 404 403 409 409 409
incidents:alert-move        GET   302 404 403 200 200 200
incidents:alert-move        POST  302 404 403 422 422 422
incidents:services          GET   302 200 200 200 200 200
incidents:edge-add          GET   302 404 403 403 403 200
incidents:edge-add          POST  302 404 403 403 403 422
incidents:edge-hide         GET   302 404 403 403 403 200
incidents:edge-hide         POST  302 404 403 403 403 302
incidents:edge-show         GET   302 405 405 405 405 405
incidents:edge-show         POST  302 404 403 403 403 302
incidents:edge-unsay        GET   302 405 405 405 405 405
incidents:edge-unsay        POST  302 404 403 403 403 302
incidents:alerts            GET   302 200 200 200 200 200
incidents:alert-rows        GET   302 200 200 200 200 200
incidents:alert             GET   302 404 200 200 200 200
incidents:alert-live        GET   302 404 200 200 200 200
incidents:silences          GET   302 200 200 200 200 200
incidents:silence-new       GET   302 200 403 200 200 200
incidents:silence-new       POST  302 422 403 422 422 422
incidents:silence           GET   302 404 200 200 200 200
incidents:silence-end       GET   302 405 405 405 405 405
incidents:silence-end       POST  302 404 403 302 302 302
incidents:integrations      GET   302 200 200 200 200 200
incidents:integration-add   GET   302 200 403 403 403 200
incidents:integration-add   POST  302 422 403 403 403 422
incidents:integration       GET   302 404 200 200 200 200
incidents:integration-change GET  302 404 403 403 403 200
incidents:integration-change POST 302 404 403 403 403 422
incidents:integration-switch GET  302 405 405 405 405 405
incidents:integration-switch POST 302 404 403 403 403 302
incidents:integration-token GET   302 404 403 403 403 200
incidents:integration-token POST  302 404 403 403 403 422
incidents:integration-key   GET   302 404 403 403 403 200
incidents:integration-key   POST  302 404 403 403 403 422
incidents:secret-revoke     GET   302 404 403 403 403 200
incidents:secret-revoke     POST  302 404 403 403 403 302
incidents:mapping           GET   302 404 403 403 403 200
incidents:mapping           POST  302 404 403 403 403 200
incidents:replay-refused    GET   302 405 405 405 405 405
incidents:replay-refused    POST  302 404 403 302 302 302
incidents:set-refused-aside GET   302 405 405 405 405 405
incidents:set-refused-aside POST  302 404 403 302 302 302
incidents:integration-test  GET   302 405 405 405 405 405
incidents:integration-test  POST  302 404 403 302 302 302
incidents:delivery-live     GET   302 404 200 200 200 200
incidents:test-end          GET   302 405 405 405 405 405
incidents:test-end          POST  302 404 403 302 302 302
incidents:delivery-replay   GET   302 405 405 405 405 405
incidents:delivery-replay   POST  302 404 403 302 302 302
incidents:delivery-set-aside GET   302 405 405 405 405 405
incidents:delivery-set-aside POST  302 404 403 302 302 302
incidents:deliveries        GET   302 200 200 200 200 200
incidents:deliveries-replay GET   302 200 403 200 200 200
incidents:deliveries-replay POST  302 302 403 302 302 302
incidents:delivery          GET   302 404 200 200 200 200
incidents:delivery-body     GET   302 404 403 200 200 200
incidents:audit             GET   302 200 200 200 200 200
incidents:audit-csv         GET   302 200 200 200 200 200
incidents:account           GET   302 200 200 200 200 200
incidents:preferences       GET   405 405 405 405 405 405
incidents:preferences       POST  302 302 302 302 302 302
incidents:detail            GET   302 404 200 200 200 200
incidents:live              GET   302 404 200 200 200 200
incidents:service           GET   302 404 200 200 200 200
analysis:investigate        GET   302 405 405 405 405 405
analysis:investigate        POST  302 404 403 302 302 302
analysis:evidence           GET   302 404 200 200 200 200
analysis:suggest            GET   302 404 403 200 200 200
analysis:suggest            POST  302 404 403 422 422 422
analysis:investigation      GET   302 404 200 200 200 200
analysis:evidence-of        GET   302 404 200 200 200 200
analysis:steer              GET   302 404 403 200 200 200
analysis:steer              POST  302 404 403 409 409 409
analysis:cancel             GET   302 405 405 405 405 405
analysis:cancel             POST  302 404 403 409 409 409
analysis:signals            GET   302 404 200 200 200 200
analysis:signals-json       GET   302 404 200 200 200 200
analysis:confirm            GET   302 404 403 200 200 200
analysis:confirm            POST  302 404 403 302 302 302
analysis:rule-out           GET   302 404 403 200 200 200
analysis:rule-out           POST  302 404 403 302 302 302
analysis:detectors          GET   302 200 200 200 200 200
analysis:detector           GET   302 404 200 200 200 200
analysis:tune               GET   302 405 405 405 405 405
analysis:tune               POST  302 404 403 422 422 422
analysis:preview            GET   302 404 403 200 200 200
analysis:mute               GET   302 405 405 405 405 405
analysis:mute               POST  302 404 403 422 422 422
analysis:unmute             GET   302 405 405 405 405 405
analysis:unmute             POST  302 404 403 302 302 302
analysis:switch             GET   302 405 405 405 405 405
analysis:switch             POST  302 404 403 403 403 302
analysis:snooze             GET   302 405 405 405 405 405
analysis:snooze             POST  302 404 403 302 302 302
analysis:feedback           GET   302 405 405 405 405 405
analysis:feedback           POST  302 404 403 302 302 302
analysis:evaluation         GET   302 200 200 200 200 200
analysis:sent               GET   302 404 200 200 200 200
analysis:sent-body          GET   302 404 403 403 200 200
analysis:sent-bytes         GET   302 404 403 403 200 200
analysis:would-send         GET   302 404 403 403 200 200
analysis:models             GET   302 200 403 403 403 200
analysis:model-add          GET   302 200 403 403 403 200
analysis:model-add          POST  302 422 403 403 403 422
analysis:model-edit         GET   302 404 403 403 403 200
analysis:model-edit         POST  302 404 403 403 403 422
analysis:model-remove       GET   302 405 405 405 405 405
analysis:model-remove       POST  302 404 403 403 403 302
analysis:model-try          GET   302 405 405 405 405 405
analysis:model-try          POST  302 404 403 403 403 302
analysis:sources            GET   302 200 200 200 200 200
analysis:source             GET   302 404 200 200 200 200
analysis:source-test        GET   302 405 405 405 405 405
analysis:source-test        POST  302 404 403 200 200 200
analysis:source-detectors   GET   302 405 405 405 405 405
analysis:source-detectors   POST  302 404 403 403 403 302
analysis:source-add         GET   302 200 403 403 403 200
analysis:source-add         POST  302 422 403 403 403 422
analysis:source-edit        GET   302 404 403 403 403 200
analysis:source-edit        POST  302 404 403 403 403 422
remediation:stop            GET   302 200 200 200 200 200
remediation:stop            POST  302 422 403 422 422 422
remediation:start-again     GET   302 405 405 405 405 405
remediation:start-again     POST  302 404 403 403 302 302
remediation:simulate        GET   302 200 403 403 200 200
remediation:approvals       GET   302 200 200 200 200 200
remediation:approvals-live  GET   302 200 200 200 200 200
remediation:approval        GET   302 404 200 200 200 200
remediation:approval        POST  302 404 403 403 422 422
remediation:decision        GET   302 404 200 200 200 200
remediation:standing        GET   302 404 200 200 200 200
remediation:approval-link   GET   302 410 410 410 410 410
remediation:approval-link   POST  302 410 410 410 410 410
remediation:fatigue         GET   302 200 200 200 200 200
remediation:delegations     GET   302 200 200 200 200 200
remediation:delegations     POST  302 422 403 403 422 422
remediation:end-delegation  GET   302 405 405 405 405 405
remediation:end-delegation  POST  302 404 403 403 302 302
remediation:revise          GET   302 405 405 405 405 405
remediation:revise          POST  302 404 403 302 302 302
remediation:request-action  GET   302 404 403 200 200 200
remediation:request-action  POST  302 404 403 422 422 422
admin:index                 GET   302 200 302 302 302 200
admin:login                 GET   302 403 403 403 403 403
admin:logout                GET   302 405 302 302 302 405
admin:logout                POST  302 302 302 302 302 302
admin:password_change       GET   302 200 302 302 302 200
admin:password_change_done  GET   302 200 302 302 302 200
admin:autocomplete          GET   302 403 302 302 302 403
admin:jsi18n                GET   302 200 302 302 302 200
admin:view_on_site          GET   302 404 302 302 302 404
admin:app_list              GET   302 200 302 302 302 200
admin:admin/(?P<url>.*)$    GET   302 404 302 302 302 404
api:openapi-json            GET   200 200 200 200 200 200
api:openapi-view            GET   200 200 200 200 200 200
api:api-root                GET   404 404 404 404 404 404
docs                        GET   302 302 302 302 302 302
hook                        GET   405 405 405 405 405 405
hook                        POST  401 401 401 401 401 401
hook-unslashed              GET   405 405 405 405 405 405
hook-unslashed              POST  401 401 401 401 401 401
enqueue                     GET   405 405 405 405 405 405
enqueue                     POST  400 400 400 400 400 400
enqueue-change              GET   405 405 405 405 405 405
enqueue-change              POST  400 400 400 400 400 400
enqueue-slashed             GET   405 405 405 405 405 405
enqueue-slashed             POST  400 400 400 400 400 400
enqueue-change-slashed      GET   405 405 405 405 405 405
enqueue-change-slashed      POST  400 400 400 400 400 400
otlp-traces                 GET   405 405 405 405 405 405
otlp-traces                 POST  404 404 404 404 404 404
otlp-logs                   GET   405 405 405 405 405 405
otlp-logs                   POST  404 404 404 404 404 404
health                      GET   200 200 200 200 200 200
ready                       GET   200 200 200 200 200 200
metrics                     GET   200 200 200 200 200 200
"""

# The settings pages, for staff who is admin: list, add, and change, delete, history of a row here.
# Everybody else without a right to enter is sent away (302); a row elsewhere is not found (302).
SETTINGS = """
auth.user                    200 200 200 403 200
incidents.apitoken           200 200 200 200 200
incidents.auditevent         200 403 200 403 200
incidents.integration        200 200 200 200 200
incidents.membership         200 200 200 200 200
incidents.service            200 200 200 200 200
incidents.servicedependency  200 200 200 200 200
incidents.workspace          200 403 200 403 200
analysis.connector           200 200 200 200 200
analysis.detector            200 200 200 200 200
analysis.evidence            200 403 200 403 200
remediation.actionendpoint   200 200 200 200 200
remediation.actionlimit      200 200 200 403 200
remediation.freezewindow     200 200 200 403 200
remediation.policy           200 200 200 403 200
remediation.runbook          200 200 200 200 200
"""

CALLS = """
POST /incidents                        401 201 403 201 201 201
GET  /incidents                        401 200 200 200 200 200
GET  /incidents/{key}                  401 404 200 200 200 200
GET  /incidents/{key}/timeline         401 404 200 200 200 200
POST /incidents/{key}/acknowledge      401 404 403 200 200 200
POST /incidents/{key}/resolve          401 404 403 200 200 200
POST /incidents/{key}/reopen           401 404 403 409 409 409
POST /incidents/{key}/notes            401 404 403 201 201 201
POST /incidents/{key}/analyze          401 404 403 202 202 202
GET  /incidents/{key}/investigation    401 404 200 200 200 200
GET  /incidents/{key}/investigation/events 401 404 200 200 200 200
POST /incidents/{key}/hypotheses       401 404 403 202 202 202
POST /incidents/{key}/investigation/notes 401 404 403 409 409 409
POST /incidents/{key}/investigation/cancel 401 404 403 409 409 409
GET  /alerts                           401 200 200 200 200 200
GET  /alerts/{alert_id}                401 404 200 200 200 200
POST /alerts/{alert_id}/move           401 404 403 422 422 422
GET  /deliveries                       401 200 200 200 200 200
GET  /deliveries/{delivery_id}         401 404 200 200 200 200
POST /deliveries/{delivery_id}/replay  401 404 403 409 409 409
POST /deliveries/{delivery_id}/set-aside 401 404 403 409 409 409
POST /deliveries/{delivery_id}/end-test 401 404 403 409 409 409
GET  /integrations                     401 200 200 200 200 200
POST /integrations                     401 201 403 403 403 201
GET  /integrations/{integration_id}    401 404 200 200 200 200
POST /integrations/{integration_id}/switch 401 404 403 403 403 200
POST /integrations/{integration_id}/token 401 404 403 403 403 200
POST /integrations/{integration_id}/signing-key 401 404 403 403 403 200
POST /integrations/{integration_id}/test 401 404 403 202 202 202
GET  /silences                         401 200 200 200 200 200
POST /silences                         401 422 403 201 201 201
GET  /silences/{silence_id}            401 404 200 200 200 200
POST /silences/{silence_id}/end        401 404 403 200 200 200
GET  /grouping-rules                   401 200 200 200 200 200
POST /grouping-rules                   401 201 403 403 403 201
GET  /grouping-rules/{rule_id}         401 404 200 200 200 200
PUT  /grouping-rules/{rule_id}         401 404 403 403 403 200
POST /grouping-rules/{rule_id}/switch  401 404 403 403 403 200
GET  /rule-trials                      401 200 200 200 200 200
POST /rule-trials                      401 202 403 202 202 202
GET  /rule-trials/{trial_id}           401 404 200 200 200 200
POST /rule-trials/{trial_id}/cancel    401 404 403 200 200 200
GET  /sources                          401 200 200 200 200 200
GET  /detectors                        401 200 200 200 200 200
GET  /detectors/{detector_id}          401 404 200 200 200 200
GET  /detectors/{detector_id}/anomalies 401 404 200 200 200 200
POST /anomalies/{anomaly_id}/feedback  401 404 403 200 200 200
GET  /approvals/pending                401 200 200 200 200 200
GET  /approvals/{approval_id}          401 404 200 200 200 200
POST /approvals/{approval_id}/approve  401 404 403 403 409 409
POST /approvals/{approval_id}/reject   401 404 403 403 200 200
POST /actions                          401 404 403 409 409 409
GET  /actions/requests/{request_id}    401 404 200 200 200 200
POST /approvals/{approval_id}/request-changes 401 404 403 403 200 200
GET  /actions/{plan_id}                401 404 200 200 200 200
POST /actions/{plan_id}/execute        401 404 403 409 409 409
"""
