#!/bin/sh
# Two nights: the first is too short, the second goes on. As a scheduler sees it, both are a success.
. "$(dirname "$0")/../lib.sh"
sandbox
set -a
. ./credentials.env
EASEMOB_URL=$SANDBOX_URL
set +a
month_ago=$(python3 -c 'import time; print(int((time.time() - 30 * 86400) * 1000))')
at_sandbox_send POST users '{"app": "sandbox/demo", "count": 60, "prefix": "test_", "created": '"$month_ago"'}'

say "What would be done, and when?"
try bulkim plan nightly-purge.yaml

say "Some hours before the window opens nothing is sent."
hour=$(date +%H)
hour=${hour#0}
later="$(((hour + 2) % 24)):00-$(((hour + 3) % 24)):00"
try_code 75 bulkim run nightly-purge.yaml --yes --set window="$later"

say "The first night, of two seconds: its time is up, exit code 75."
try_code 75 bulkim run nightly-purge.yaml --yes --set window=00:00-24:00 --max-duration 2s

say "The second one, as cron and Kubernetes begin it."
try ./night.sh nightly-purge.yaml --yes --set window=00:00-24:00 --metrics-file "$folder/bulkim.prom"
try grep -E 'finished|outcome="succeeded"' "$folder/bulkim.prom"

echo
at_sandbox deleted
