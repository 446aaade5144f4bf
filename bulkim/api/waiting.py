"""A run that a program with an event loop of its own awaits.

The run has a thread and a loop to itself: reading an input and writing the journal block, and the caller's loop is never
stopped by them. Cancelling tells the thread to drain, and waits until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import anyio

from bulkim.sending.supervise import StopEvent

P = ParamSpec("P")
T = TypeVar("T")


class Asked:
    """An event: the caller's own was set, or the task that awaits was cancelled."""

    def __init__(self, given: StopEvent | None) -> None:
        self._given = given
        self.cancelled = False

    def is_set(self) -> bool:
        """Whether the run is to stop."""
        return self.cancelled or (self._given is not None and self._given.is_set())


def awaited(work: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """What blocks and takes a `stop`, as a coroutine function with the same arguments."""

    @wraps(work)
    async def waiting(*args: P.args, **options: P.kwargs) -> T:
        given: Any = options.get("stop")
        options["stop"] = asked = Asked(given)
        return await _drained(partial(work, *args, **options), asked)

    waiting.__name__ = waiting.__qualname__ = f"a{work.__name__}"
    waiting.__doc__ = (
        f"`{work.__name__}` for a program with an event loop: await it. Takes the same arguments; `confirm` and `observe` are"
        " called in the run's own thread.\n\n    Cancelled, it sends nothing more, waits for what is in flight, and is cancelled"
        " then; the same call continues.\n    "
    )
    return waiting


async def _drained(work: Callable[[], T], asked: Asked) -> T:
    """Work in a thread. Cancelled, the thread is told so and waited for."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        asked.cancelled = True
        with anyio.CancelScope(shield=True):
            while not working.done():  # a second cancellation must not leave the thread behind
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # looked at, so that nobody complains that nobody did
        raise
