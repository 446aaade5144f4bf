#!/bin/sh
# Register, mute, delete: each job checked or planned, run, and looked at. Nothing leaves this machine.
. "$(dirname "$0")/../lib.sh"
sandbox

say "Is everything in order? Nothing is sent."
try bulkim check register.yaml
try bulkim plan delete.yaml

say "240 users, 60 a request."
try bulkim run register.yaml

say "Thirty of them fall silent, most for a day."
try bulkim run mute.yaml

say "95 rows, 92 of them to send; who confirms must know the number. Exit code 1, for one row is invalid."
try_code 1 bulkim run delete.yaml --confirm demo:92

say "What happened to whom?"
try bulkim results last --outcome skipped --outcome unchanged --format table
try bulkim show delete-leavers test_0101

echo
at_sandbox registered mute_set deleted
