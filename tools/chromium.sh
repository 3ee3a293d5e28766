#!/usr/bin/env bash
# The browser of the e2e tests.
set -euo pipefail
exec "$(dirname "$0")/debian.sh" chromium=chromium
