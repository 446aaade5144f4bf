#!/bin/sh
# night.sh JOB [OPTION...]: `bulkim run` for a scheduler to which every exit code but 0 is a failure.
# 75 is none: the night is over and the next one goes on, or last night's process is still at it.
# Another container's or host's process that has died counts as alive for a minute: after a 75 at once, it is asked again.
trap 'stopped=1; kill -TERM $!' INT TERM # it stops gently, and we with it
trap 'stopped=1; kill -HUP $!' HUP       # a terminal that goes away tells both: twice is no second signal
night() {
  bulkim run "$@" &
  run=$!
  wait $run
  code=$?
  while kill -0 $run 2>/dev/null; do # a signal has ended the wait, but not yet the run
    wait $run
    code=$?
  done
}
began=$(date +%s)
night "$@"
if [ $code -eq 75 ] && [ -z "$stopped" ] && [ $(($(date +%s) - began)) -lt 60 ]; then
  sleep "${NIGHT_AGAIN:-65}" &
  wait $!
  [ -n "$stopped" ] || night "$@"
fi
[ $code -eq 75 ] && code=0
exit $code
