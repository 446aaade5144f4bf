"""What lies at a dotted path in values as JSON has them"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dig(value: Any, path: str) -> Any:
    """What lies at a dotted path; digits index lists, the empty path is the value itself. None where nothing does."""
    for name in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
