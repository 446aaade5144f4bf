"""Jobs against a test server, and what came of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from bulkim.model import Auth, Connection, Guard, Job, Rate, Source

TOKEN = Auth("token", secret="sandbox-token")
FAST = Rate(limit=1000)


def job(operation: str, url: str, source: Source | list[Any], **changes: Any) -> Job:
    """An Easemob job; `source` may be a list of usernames or mappings."""
    if isinstance(source, list):
        rows = [{"username": each} if isinstance(each, str) else each for each in source]
        source = Source("items", items=rows, item_lines=range(1, len(rows) + 1))
    connection = Connection(
        "easemob", url, changes.pop("auth", TOKEN), org="sandbox", app=changes.pop("app", "demo")
    )
    settings: dict[str, Any] = {"name": operation, "rate": FAST, "guard": Guard(), **changes}
    return Job(provider="easemob", operation=operation, connection=connection, source=source, **settings)


def people(count: int, prefix: str = "u") -> list[dict[str, str]]:
    return [{"username": f"{prefix}{n}", "password": f"pw-{prefix}{n}"} for n in range(count)]


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    header = list(rows[0])
    lines = [",".join(header), *(",".join(row[name] for name in header) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(journal: Path, run: str | None = None) -> dict[str, dict[str, Any]]:
    """The journal's results by username, as sqlite's own eyes see them (the newest run unless named)."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        chosen = run or db.execute("SELECT run FROM run ORDER BY id DESC LIMIT 1").fetchone()[0]
        found = db.execute("SELECT * FROM results WHERE run = ? ORDER BY ordinal", (chosen,)).fetchall()
    db.close()
    return {row["username"]: dict(row) | {"data": json.loads(row["data"] or "null")} for row in found}
