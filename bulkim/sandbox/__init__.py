"""A local emulator of Easemob, Agora Chat and Tencent Chat user administration, for tests and rehearsals.

It is written from the vendors' pages and shares no code with the client. Nothing of the server is imported until
something is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkim.sandbox.config import DEFAULT_APPS, App, SandboxConfig, connection
from bulkim.sandbox.server import Embedded, PortTakenError, serve

if TYPE_CHECKING:
    from bulkim.sandbox.app import SandboxApp
    from bulkim.sandbox.state import Clock

__all__ = [
    "DEFAULT_APPS",
    "App",
    "Embedded",
    "PortTakenError",
    "SandboxConfig",
    "connection",
    "create_app",
    "serve",
]


def create_app(config: SandboxConfig | None = None, clock: Clock | None = None) -> SandboxApp:
    """The sandbox as an ASGI application, for a server of your own (faults that close connections need ours)."""
    from bulkim.sandbox.app import SandboxApp

    return SandboxApp(config or SandboxConfig(), clock)
