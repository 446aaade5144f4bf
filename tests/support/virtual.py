"""An event loop on a virtual clock: sleeping costs nothing, and a test says how badly timers oversleep."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, moves its loop's clock to the end of the wait."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        self.loop.now += (
            1e-6  # no turn of a real loop is free; without this a rounding error would spin for ever
        )
        if not ready and timeout:
            self.loop.now += timeout + self.loop.oversleep()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, oversleep: Callable[[], float] = lambda: 0.0) -> None:
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self
        self.now = 1000.0
        self.oversleep = oversleep

    def time(self) -> float:
        return self.now


def run(main: Callable[[], Coroutine[Any, Any, Any]], *, oversleep: Callable[[], float] = lambda: 0.0) -> Any:
    """Run `main` to its end on a virtual clock."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(oversleep)) as runner:
        return runner.run(main())
