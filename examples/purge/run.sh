#!/bin/sh
# A nightly job: delete the test accounts that are older than a week, without a list of names.
. "$(dirname "$0")/../lib.sh"
sandbox
month_ago=$(python3 -c 'import time; print(int((time.time() - 30 * 86400) * 1000))')
at_sandbox_send POST users '{"app": "sandbox/demo", "count": 120, "prefix": "test_", "created": '"$month_ago"'}'
at_sandbox_send POST users '{"app": "sandbox/demo", "users": ["test_keep_me"], "created": '"$month_ago"'}'
at_sandbox_send POST users '{"app": "sandbox/demo", "users": ["alice", "bob", "test_new_1", "test_new_2"]}'

say "Who is there?"
try bulkim run list.yaml

say "Without a terminal nobody can be asked, so the first attempt tells how many there are, and sends nothing."
try_code 3 bulkim run purge.yaml --confirm demo:0
try bulkim run purge.yaml --confirm demo:120

say "Who is left?"
try bulkim run list.yaml
try bulkim results last --format table

echo
at_sandbox deleted
