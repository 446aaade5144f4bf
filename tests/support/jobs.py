"""Jobs against a test server, and what came of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from bulkim.catalogue.proofs import kind_of
from bulkim.model import Auth, Connection, Guard, Job, Rate, Source
from bulkim.vendors import PROVIDERS

TOKEN = Auth("token", secret="sandbox-token")
CLIENT = Auth("client_secret", "sandbox-client", "sandbox-secret")
CERTIFICATE = Auth("app_certificate", "970CA35de60c44645bbae8a215061b33", "5CFd2fd1755d40ecb72977518be15d3b")
USER_SIG = Auth("secret_key", "administrator", "sandbox-secret-key")
FAST = Rate(limit=1000)


def at(provider: str, url: str, auth: Auth, **app: Any) -> Connection:
    """The connection to the app that these keys name."""
    named = {key: str(value) for key, value in app.items() if value is not None}
    return PROVIDERS[provider].app(named).connect(provider, url, named, auth)


def anywhere(provider: str) -> Connection:
    """An app of a vendor that is nowhere, by its first form."""
    vendor = PROVIDERS[provider]
    form, auth = vendor.apps[0], vendor.auth[0]
    app = {key: "14" if key in form.numbers else key.replace("_", "") for key in form.keys}
    return form.connect(provider, "https://h", app, Auth(kind_of(auth), "i", "x"))


def connection(provider: str, url: str, **changes: Any) -> Connection:
    """The sandbox's app at a vendor."""
    if provider == "tencent":
        return at("tencent", url, **{"auth": USER_SIG, "sdk_app_id": 1400000000} | changes)
    app = "demo" if provider == "easemob" else "agora"
    auth = TOKEN if provider == "easemob" else CERTIFICATE
    return at(provider, url, **{"auth": auth, "org": "sandbox", "app": app} | changes)


def job(
    operation: str, url: str, source: Source | list[Any], *, provider: str = "easemob", **changes: Any
) -> Job:
    """A job at the sandbox's app; `source` may be a list of usernames or mappings. Its calls are the operation's own:
    nothing is read before, unless `snapshot` is asked for.
    """
    if isinstance(source, list):
        rows = [{"username": each} if isinstance(each, str) else each for each in source]
        source = Source("items", items=rows, item_lines=range(1, len(rows) + 1))
    named = ("auth", "org", "app", "app_id", "sdk_app_id")
    where = connection(provider, url, **{name: changes.pop(name) for name in named if name in changes})
    settings: dict[str, Any] = {
        "name": operation,
        "rate": FAST,
        "guard": Guard(),
        "snapshot": False,
        **changes,
    }
    return Job(provider=provider, operation=operation, connection=where, source=source, **settings)


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
