#!/bin/sh
# A vendor on a bad day: an answer that gets lost, a refusal for the quota, a server that is down, one poisoned row.
. "$(dirname "$0")/../lib.sh"
sandbox --faults faults.yaml

say "240 users. One of them is refused; the 59 who shared the request are not."
try_code 1 bulkim run register.yaml
try bulkim show last user_077
try bulkim explain easemob illegal_argument

say "The vendor comes to its senses. Only what failed is sent again."
at_sandbox_send PUT faults '[]'
try bulkim retry last

echo
at_sandbox registered
