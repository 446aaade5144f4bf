"""The sandbox's app at each vendor, as a job file names it, and jobs for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bulkim.sandbox import connection as sandbox
from bulkim.sandbox.config import DEFAULT_APPS

KEYS = {app.provider: app.key for app in DEFAULT_APPS}
VENDORS = tuple(KEYS)


def connection(provider: str, url: str, **changes: Any) -> dict[str, Any]:
    return {**sandbox(provider, url), "environment": "test", **changes}


def write_job(  # noqa: PLR0917
    folder: Path, name: str, provider: str, url: str, operation: str, source: Any = None, **more: Any
) -> str:
    """`name`.yaml (JSON is YAML); `source` may be a list of items. A `connection` in `more` replaces the sandbox's."""
    document = {
        "provider": provider,
        "operation": operation,
        "connection": connection(provider, url),
        "rate": {"limit": 1000},
        **more,
    }
    if source is not None:
        document["source"] = {"items": source} if isinstance(source, list) else source
    (folder / f"{name}.yaml").write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return f"{name}.yaml"
