"""How fast a run was allowed to be: what its job said, and what the vendor documents."""

from __future__ import annotations

from dataclasses import dataclass

from bulkim.jobfile.settings import kept_settings
from bulkim.journal.read import RunRecord
from bulkim.vendors import PROVIDERS


@dataclass(frozen=True, slots=True)
class Allowed:
    """Calls a second. None: nothing is known."""

    own: float | None = None  # this run's own limit
    documented: float | None = None  # the vendor's
    pool: str = ""
    capped: int | None = None  # the job's own number of calls in flight


def allowed(record: RunRecord) -> Allowed:
    """The limits of a run, after its job's text in the journal."""
    settings = kept_settings(record.job_text)
    provider = PROVIDERS.get(record.provider)
    operation = provider.operation(record.operation) if provider else None
    if provider is None or operation is None:
        return Allowed(capped=settings.concurrency)
    alone = settings.batch == 1 or settings.open_registration
    pools = (operation.single if alone and operation.single else operation).pools
    own: dict[str, float] = {}
    for place, name in enumerate(pools):
        wished = settings.limit if place == 0 and settings.limit else settings.pools.get(name)
        own[name] = (wished or provider.pool(name).limit_per_s) * settings.share
    pool = min(own, key=own.__getitem__, default=None)
    if pool is None:
        return Allowed(capped=settings.concurrency)
    return Allowed(own[pool], provider.pool(pool).limit_per_s, pool, settings.concurrency)
