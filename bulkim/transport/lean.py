"""httpx without its own command line: that would import rich and pygments, an eighth of what a run takes to start.

httpx goes without it where its packages are not installed, which is what this looks like. Who has imported httpx before has all of it.
"""

from __future__ import annotations

import sys
from typing import Any

_COMMAND_LINE = "httpx._main"

modules: dict[str, Any] = sys.modules
if "httpx" not in modules:
    modules[_COMMAND_LINE] = None
    try:
        import httpx  # noqa: F401 - for whoever imports it next
    finally:
        del modules[_COMMAND_LINE]
