#!/bin/sh
# A campaign as a program: users out of its own data, a run that it stops and goes on with, what came of it, what would undo it.
. "$(dirname "$0")/../lib.sh"
sandbox

try python campaign.py "$folder"

echo
at_sandbox registered mute_set
