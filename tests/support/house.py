"""The plan of the house: its layers, as `pyproject.toml` has them, and who owns which library. Tests hold the code to it."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
]
# From the top down, each with its rooms. A room is a module or a folder directly inside bulkim/. It may import from
# layers below its own only; rooms of one layer do not know each other. import-linter holds the code to it.
LAYERS: tuple[tuple[str, ...], ...] = tuple(
    tuple(room.strip().removeprefix("bulkim.") for room in layer.split("|"))
    for contract in _CONTRACTS
    if contract["id"] == "layers"
    for layer in contract["layers"]
)
APART = {"", "__init__", "sandbox"}  # bulkim.__init__ loads what is asked for; the sandbox knows nobody

# Import -> the modules that may have it, and why nobody else.
OWNERS: dict[str, tuple[tuple[str, ...], str]] = {
    "httpx": (("transport",), "its exceptions must be mapped in one place"),
    "aiolimiter": (("quota.pool",), "the limit is proven for one composition"),
    "sqlite_utils": (("journal.sqlite",), "the journal has one writer"),
    "sqlite3": (("journal.sqlite", "quota.ledger"), "the journal and the host's quota are files of one writer each"),
    "pydantic": (("jobfile",), "only a job file is validated by shapes"),
    "pydantic_core": (("jobfile",), "only a job file is validated by shapes"),
    "ruamel": (("yamltree",), "YAML is read in one way, and every value knows its place"),
    "platformdirs": (("places",), "one room knows this user's folders, and that some users have none"),
    "click": (("cli",), "everything the command line does can be done from Python"),
    "datasette": (("cli.browse",), "an extra, which nothing else may need"),
    "procrastinate": (("fleet.engine",), "the engine is trusted with nothing, so that it can be replaced"),
    "croniter": (("fleet.schedule",), "times of the clock are reckoned in one place"),
    "psycopg": (("fleet.database",), "the fleet's database is reached in one way"),
    "jinja2": (("view.report",), "only a page has a template"),
    "markupsafe": (("view.report",), "only a page has a template"),
    "rich": (("view", "cli"), "only what draws may draw"),
    "structlog": (("log",), "events are said in one way"),
    "bulkim.log.events": (("fleet", "log", "quota.host", "quota.pacer", "work.runner", "work.verify", *(f"sending.{each}" for each in ("channel", "serial", "listing", "oldest", "executor", "supervise", "control"))), "pure modules do not log"),
    "anyio": (("quota", "fleet", "transport", "work.workers", "work.doctor", "work.verify", "api", *(f"sending.{each}" for each in ("channel", "serial", "listing", "before_images", "oldest", "executor", "supervise", "control"))), "pure modules do not await"),
    "asyncio": (("quota", "fleet", "view.live", "transport", "journal.sqlite.turns", "sandbox", "api"), "the loop is driven through anyio"),
    "uvicorn": (("sandbox",), "only the sandbox serves"),
    "httptools": (("transport",), "the wire has one parser on our side"),
    "urllib.request": (("transport", "work.notify", "work.rehearsal"), "the vendor is reached through transport alone"),
    "http.client": ((), "the vendor is reached through transport alone"),
    "subprocess": (("cli.story",), "bulkim starts no programs"),
}  # fmt: skip

LINES_MAX = 400
DATA = "vendors/*/errors.py"  # tables of data, as long as the vendor's page
