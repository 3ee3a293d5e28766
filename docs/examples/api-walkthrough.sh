#!/usr/bin/env bash
# One incident from report to resolve over the REST API. Prints each step; ends at the first surprise.
#   AIRRA_URL                                  where AIRRA is, e.g. http://127.0.0.1:8000
#   AIRRA_TOKEN_RESPONDER, AIRRA_TOKEN_APPROVER  API tokens of two people
#   AIRRA_HOOK_URL, AIRRA_HOOK_TOKEN            optional: a generic integration's address and token
#   AIRRA_WAIT_S                                optional: how long an investigation may take, 180 s
set -euo pipefail

: "${AIRRA_URL:?where AIRRA is}" "${AIRRA_TOKEN_RESPONDER:?}" "${AIRRA_TOKEN_APPROVER:?}"
base="${AIRRA_URL%/}"
wait_s=${AIRRA_WAIT_S:-180}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; cat "$answer" >&2; exit 1; }

# ask STATUSES TOKEN METHOD URL [BODY]: leaves the answer in $answer; any other status ends the script.
ask() {
  local wanted=$1 token=$2 method=$3 url=$4 status
  local options=(-sS -o "$answer" -w '%{http_code}' -X "$method")
  [ -z "$token" ] || options+=(-H "Authorization: Bearer $token")
  [ $# -lt 5 ] || options+=(-H 'Content-Type: application/json' --data-binary "$5")
  status=$(curl "${options[@]}" "$url") || fail "$method $url: no answer"
  case " $wanted " in
    *" $status "*) printf '%s %s: %s\n' "$method" "${url#"$base"}" "$status" ;;
    *) fail "$method $url: $status instead of $wanted" ;;
  esac
}
responder() { ask "$1" "$AIRRA_TOKEN_RESPONDER" "$2" "$base/api/v1$3" "${@:4}"; }
approver() { ask "$1" "$AIRRA_TOKEN_APPROVER" "$2" "$base/api/v1$3" "${@:4}"; }

# field EXPRESSION: of the answer, which Python knows as `d`.
field() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$answer" "$1"; }
expect() { [ "$(field "$1")" = "$2" ] || fail "$1 is $(field "$1"), not $2"; }

step "Is it alive, can it work, what does it count?"
ask 200 "" GET "$base/health"
ask 200 "" GET "$base/ready"
expect 'd["status"]' ready
ask 200 "" GET "$base/metrics"
grep -q '^airra_' "$answer" || fail "no counters of AIRRA on /metrics"

step "Without a token nobody is let in"
ask 401 "" GET "$base/api/v1/incidents"

step "Report an incident, and report it again"
title="walkthrough $(date +%s)-$$"
report="{\"title\": \"$title\", \"affected_service\": \"payments\", \"severity\": \"high\",
         \"metrics_snapshot\": {\"error_ratio\": 0.4}}"
responder 201 POST /incidents "$report"
key=$(field 'd["key"]')
responder 200 POST /incidents "$report"
expect 'd["key"]' "$key"

step "It is on the list, and it can be read"
responder 200 GET '/incidents?limit=200'
expect "any(i['key'] == '$key' for i in d['items'])" True
responder 200 GET "/incidents/$key"
expect 'd["title"]' "$title"

step "Look for the cause, and wait until it is settled"
responder 202 POST "/incidents/$key/analyze"
for ((waited = 0; ; waited += 2)); do
  responder 200 GET "/incidents/$key/investigation"
  [ "$(field 'd["finished_at"] is not None')" = False ] || break
  ((waited < wait_s)) || fail "not settled after $wait_s s"
  sleep 2
done
echo "outcome: $(field 'd["outcome"]'); $(field 'len(d["hypotheses"])') hypotheses, $(field 'len(d["evidence"])') pieces of evidence"

step "Is there an approval to decide on?"
approver 200 GET '/approvals/pending?limit=200'
mine="[a for a in d['items'] if a['incident'] == '$key']"
if [ "$(field "len($mine)")" != 0 ]; then
  approval=$(field "${mine}[0]['id']")
  plan=$(field "${mine}[0]['plan']")
  approver 200 GET "/approvals/$approval"
  step "It is not approved yet, so it does not run"
  approver 409 POST "/actions/$plan/execute"
  step "Nobody approves in another name"
  approver 403 POST "/approvals/$approval/approve" '{"approved_by": "somebody else", "execution_mode": "dry_run"}'
  me=$(field 'd["detail"].rsplit(", ", 1)[1]')
  step "A dry run as $me, which changes nothing, and then no"
  approver 202 POST "/approvals/$approval/approve" "{\"approved_by\": \"$me\", \"execution_mode\": \"dry_run\"}"
  request=$(field 'd["request"]["id"]')
  for ((waited = 0; ; waited += 2)); do
    approver 200 GET "/actions/requests/$request"
    [ "$(field 'd["state"]')" = waiting ] || break
    ((waited < wait_s)) || fail "no dry run after $wait_s s"
    sleep 2
  done
  expect 'd["state"]' done
  echo "dry run: $(field 'd["execution"]["state"]')"
  approver 200 GET '/approvals/pending?limit=200'
  [ "$(field "len($mine)")" != 0 ] || fail "after a dry run the question is asked anew"
  approval=$(field "${mine}[0]['id']")
  approver 200 POST "/approvals/$approval/reject" '{"comment": "only a walkthrough"}'
  expect 'd["approval"]["state"]' rejected
else
  echo "none for $key"
fi

step "Acknowledge it; the second one is told"
responder 200 POST "/incidents/$key/acknowledge"
approver 409 POST "/incidents/$key/acknowledge"

step "Leave a note"
responder 201 POST "/incidents/$key/notes" '{"text": "seen by the walkthrough"}'
responder 200 GET "/incidents/$key/timeline"
expect 'd[-1]["text"]' "seen by the walkthrough"

step "Resolve it"
responder 200 POST "/incidents/$key/resolve" '{"resolution": "end of the walkthrough"}'
expect 'd["state"]' resolved
responder 409 POST "/incidents/$key/resolve" '{"resolution": "again"}'

if [ -n "${AIRRA_HOOK_URL:-}" ]; then
  step "A webhook delivery, its repeat, and one without a title"
  body="{\"title\": \"$title by webhook\", \"state\": \"firing\"}"
  ask 202 "${AIRRA_HOOK_TOKEN:?}" POST "$AIRRA_HOOK_URL" "$body"
  expect 'd["repeat"]' False
  ask 200 "$AIRRA_HOOK_TOKEN" POST "$AIRRA_HOOK_URL" "$body"
  expect 'd["repeat"]' True
  ask 422 "$AIRRA_HOOK_TOKEN" POST "$AIRRA_HOOK_URL" '{"severity": "high"}'
  expect 'd["errors"][0]["field"]' title
  ask 202 "$AIRRA_HOOK_TOKEN" POST "$AIRRA_HOOK_URL" "{\"title\": \"$title by webhook\", \"state\": \"ok\"}"
fi

step "Done: $key"
