# Sourced by every run.sh: a sandbox for as long as the script runs, and a journal in a folder of its own.
set -eu
cd "$(dirname "$0")"
PATH="$PWD/../../.venv/bin:$PATH" # the checkout's own, where `make` puts it
command -v bulkim >/dev/null || { echo "bulkim is not installed: run make demo once" >&2; exit 1; }

folder=$(mktemp -d)
export BULKIM_JOURNAL="$folder/bulkim.db"
export XDG_STATE_HOME="$folder" # what bulkim remembers of quotas on this host
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

# sandbox [OPTION...]: start one on a free port; its address is in SANDBOX_URL, which connections.yaml reads.
sandbox() {
  bulkim sandbox --port 0 -q "$@" >"$folder/sandbox" &
  sandbox_pid=$!
  trap 'kill $sandbox_pid 2>/dev/null; wait $sandbox_pid 2>/dev/null || true' EXIT
  while ! grep -q http "$folder/sandbox"; do
    kill -0 $sandbox_pid # it ended: so do we
    sleep 0.1
  done
  SANDBOX_URL=$(sed 's/.*\(http\)/\1/' "$folder/sandbox")
  export SANDBOX_URL
}

# at_sandbox COUNT...: what the sandbox itself has counted, e.g. `at_sandbox registered deleted`.
at_sandbox() {
  python3 - "$SANDBOX_URL/_sandbox/stats" "$@" <<'PYTHON'
import json, sys, urllib.request
apps = json.load(urllib.request.urlopen(sys.argv[1]))["apps"]
for name in sys.argv[2:]:
    print(f"at the sandbox: {sum(app['effects'].get(name, 0) for app in apps.values())} times {name}")
PYTHON
}

say() { printf '\n# %s\n' "$*"; }
# try COMMAND...: show it, then run it. try_code CODE COMMAND...: the same for one that ends with this exit code.
try() { try_code 0 "$@"; }
try_code() {
  expected=$1
  shift
  printf '\n$ %s\n' "$*"
  code=0
  "$@" || code=$?
  [ "$code" = 0 ] || echo "(exit code $code)"
  [ "$code" = "$expected" ] || exit "$code"
}

# at_sandbox_send METHOD WHAT JSON: change what is there, or how it behaves.
at_sandbox_send() {
  python3 - "$SANDBOX_URL/_sandbox/$2" "$1" "$3" <<'PYTHON'
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], sys.argv[3].encode(), method=sys.argv[2]))
PYTHON
}
