"""The plan of the house: which room is on which floor, and who owns which library. Tests hold the code to it."""

from __future__ import annotations

# Room -> floor. A module may import from its own floor and from those below. A room is a module or a folder
# directly inside bulkim/. docs/design.md explains the floors.
FLOORS = {
    "model": 0, "errors": 0, "words": 0, "events": 0, "catalogue": 0, "window": 0,
    "vendors": 1, "codec": 1, "settle": 1, "retry": 1, "guard": 1, "telemetry": 1, "source": 1, "plan": 1, "auth": 1, "jobfile": 1,
    "ledger": 2, "pace": 2, "transport": 2, "journal": 2, "glance": 2,
    "wire": 3, "caller": 3, "oldest": 3, "supply": 3, "listing": 3, "earlier": 3, "intake": 3, "executor": 3, "progress": 3, "report": 3,
    "metrics": 0, "notify": 1, "log": 4, "runner": 4, "supervise": 3, "vitals": 3, "verify": 4, "undo": 3, "confirm": 1, "forecast": 3, "rehearsal": 3, "api": 4, "demo": 4, "cli": 4, "__main__": 4,
}  # fmt: skip
SENDING = ("wire", "caller", "listing", "oldest", "executor", "verify")  # they drive calls
SANDBOX = "sandbox"  # stands apart: it imports only itself, and only these may start it
STARTS_SANDBOX = {"cli", "demo", "api"}
ANYWHERE = {"", "__init__"}  # bulkim.__version__

# Import -> the modules that may have it, and why nobody else.
OWNERS: dict[str, tuple[tuple[str, ...], str]] = {
    "httpx": (("transport",), "its exceptions must be mapped in one place"),
    "aiolimiter": (("pace",), "the limit is proven for one composition"),
    "sqlite_utils": (("journal",), "the journal has one writer"),
    "sqlite3": (("journal", "glance", "ledger", "pace", "runner"), "the journal and the quota ledger have one writer each"),
    "pydantic": (("jobfile",), "only a job file is validated by shapes"),
    "pydantic_core": (("jobfile",), "only a job file is validated by shapes"),
    "ruamel": (("jobfile", "cli.local"), "YAML is read for job files and for the sandbox's fault rules"),
    "platformdirs": (("jobfile.connection", "ledger", "runner"), "connections.yaml and the ledger have one home each"),
    "click": (("cli",), "everything the command line does can be done from Python"),
    "datasette": (("cli.browse",), "an extra, which nothing else may need"),
    "jinja2": (("report",), "only a page has a template"),
    "markupsafe": (("report",), "only a page has a template"),
    "rich": (("progress", "report", "cli"), "only what draws may draw"),
    "structlog": (("events", "log"), "events are said in one way"),
    "bulkim.events": (("log", "runner", "supervise", *SENDING), "what is pure says nothing"),
    "anyio": (("pace", "transport", "runner", "supervise", "api", *SENDING), "what is pure does not wait"),
    "asyncio": (("pace", "progress", "transport", "journal.turns", "sandbox", "api"), "the loop is driven through anyio"),
    "uvicorn": (("sandbox",), "only the sandbox serves"),
    "httptools": (("transport",), "the wire has one parser on our side"),
    "urllib.request": (("transport", "demo", "notify", "rehearsal"), "the vendor is reached through transport alone"),
    "http.client": ((), "the vendor is reached through transport alone"),
    "subprocess": (("demo",), "bulkim starts no programs"),
}  # fmt: skip

LINES_MAX = 400
