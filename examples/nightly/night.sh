#!/bin/sh
# night.sh JOB [OPTION...]: `bulkim run` for a scheduler to which every exit code but 0 is a failure.
# 75 is none: the night is over and the next one goes on, or last night's process is still at it.
trap 'kill -TERM $!' INT TERM # it stops gently, and we with it
bulkim run "$@" &
run=$!
wait $run
code=$?
while kill -0 $run 2>/dev/null; do # a signal has ended the wait, but not yet the run
  wait $run
  code=$?
done
[ $code -eq 75 ] && code=0
exit $code
