"""When a run ends because something other than the vendor answers: a load balancer, a proxy, a portal. Pure.

What such a thing says is no verdict about users, so it ends none of them: they stay pending, and what may have been done stays in doubt.
"""

from __future__ import annotations

from bulkim.model import Again, Answer, Batch, Kind, Mode, Outcome, Stop
from bulkim.text import counted

ANSWERS_MAX = 5  # in a row, before a run stops
ELSEWHERE = "if base_url is wrong, mend it and run it with --new"  # a run stays where it began


def stop(batch: Batch, answer: Answer, *, gateways: int, spent: bool) -> Stop | None:
    """Whether the run ends with this answer, which is the `gateways`-th in a row that is not the vendor's.

    A few are enough, except for those that pass by themselves (5xx, a time-out, too many calls): there all tries of a
    call must be `spent`. A request that is too large is made smaller first.
    """
    if Kind.POISONED in [outcome.kind for outcome in answer.outcomes]:
        return None
    status = answer.http_status or 0
    passing = status in {408, 429} or (status >= 500 and status != 511)
    tries = batch.tries if batch.mode is Mode.SEND else batch.probes + 1
    if (spent and gateways >= tries) or (gateways >= ANSWERS_MAX and not passing):
        return stopped(answer.outcomes[0], gateways)
    return None


def stopped(outcome: Outcome, gateways: int) -> Stop:
    """The end of a run that meets a gateway, in the gateway's words."""
    return Stop(
        4,
        "gateway",
        f"{counted(gateways, 'answer')} in a row did not come from the vendor: {outcome.reason}",
        f"check what stands between, then run the same again: it continues; {ELSEWHERE}",
    )


def left(batch: Batch, answer: Answer, began_at: float) -> Again:
    """The batch as it stays for the next session: in doubt, unless the gateway refused it."""
    if batch.mode is Mode.PROBE or answer.outcomes[0].kind is Kind.GATEWAY:
        return Again(batch)
    return Again(batch.of([item._replace(doubt_since=item.doubt_since or began_at) for item in batch.items]))
