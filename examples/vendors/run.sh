#!/bin/sh
# Two job files, three vendors: what changes is the provider and its connection.
. "$(dirname "$0")/../lib.sh"
sandbox

for vendor in easemob agora tencent; do
  say "$vendor"
  try bulkim run register.yaml --set provider=$vendor --set connection=$vendor
done

say "Delete the same forty everywhere. An app is confirmed by its name, at Tencent by its SDKAppID."
try bulkim run delete.yaml --confirm demo:40
try bulkim run delete.yaml --set provider=agora --set connection=agora --confirm agora:40
try bulkim run delete.yaml --set provider=tencent --set connection=tencent --confirm 1400000000:40

try bulkim runs

echo
at_sandbox registered deleted
