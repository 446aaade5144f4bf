"""Job files and inputs of any size."""

from __future__ import annotations

import json
from pathlib import Path


def write(folder: Path, url: str, operation: str, rows: int) -> Path:
    """`job.yaml` (JSON is YAML) and `users.csv` in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.csv").open("w") as file:
        if operation == "register":
            file.write("username,password\n")
            file.writelines(f"user_{n:08d},pw-{n:08d}\n" for n in range(rows))
        else:
            file.write("username\n")
            file.writelines(f"user_{n:08d}\n" for n in range(rows))
    document = {
        "provider": "easemob",
        "operation": operation,
        "connection": {
            "base_url": url, "org": "sandbox", "app": "demo", "environment": "test", "auth": {"token": "token"},
        },
        "source": {"csv": "users.csv"},
        "rate": {"limit": UNTHROTTLED},
    }  # fmt: skip
    (folder / "job.yaml").write_text(json.dumps(document))
    return folder


UNTHROTTLED = 100_000  # calls a second: more than any of this machine's processes sends
