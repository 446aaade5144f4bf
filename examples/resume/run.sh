#!/bin/sh
# A run is killed with SIGKILL, its input is edited, and the same command ends what was begun.
. "$(dirname "$0")/../lib.sh"
# What goes wrong at the sandbox: every answer takes a fifth of a second; after 36 of them no answer comes at
# all, so that twelve calls are on their way when the process dies.
usual='{"match": {"operation": "register"}, "do": {"delay": 0.2, "when": "after"}}'
lost='{"match": {"operation": "register"}, "after": 36, "do": {"hang": null, "when": "after"}}'
sandbox
at_sandbox_send PUT faults "[$usual, $lost]"
cp connections.yaml register.yaml users.csv "$folder" # the input will be edited
cd "$folder"

say "Register 120 users, and kill the process as if the power had failed."
printf '\n$ bulkim run register.yaml &\n'
bulkim run register.yaml -q &
run=$!
until [ "$(at_sandbox registered)" = "at the sandbox: 48 times registered" ]; do sleep 0.1; done
printf '$ kill -9 $!\n'
kill -9 $run
wait $run 2>/dev/null || true
at_sandbox_send PUT faults "[$usual]"
try bulkim runs

say "Somebody edits the list meanwhile: one user on top, the last one taken out, the rest in another order."
{
  echo username,password
  echo newcomer,Teapot-4410
  sed -e 1d -e '$d' users.csv | sort -r
} >edited.csv
mv edited.csv users.csv

say "The same command goes on. Those whose answers were lost are asked about, not sent again."
try bulkim run register.yaml
try bulkim results last --code reconciled --code removed --format table

echo
at_sandbox registered
