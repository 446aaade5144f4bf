"""`python -m bulkim.sandbox --port 8086`"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bulkim.sandbox import SandboxConfig, serve
from bulkim.sandbox.fault_rules import parse_rules


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bulkim.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8086, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--faults", type=Path, metavar="FILE.json", help="a list of fault rules")
    parser.add_argument(
        "--any-app", action="store_true", help="serve every org and app, accept every bearer token"
    )
    options = parser.parse_args()
    try:
        rules = json.loads(options.faults.read_text(encoding="utf-8")) if options.faults else []
        parse_rules(rules)
        serve(SandboxConfig(any_app=options.any_app, faults=rules), options.host, options.port)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
