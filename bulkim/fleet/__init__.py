"""Many hosts, one limit, one journal: what is shared through PostgreSQL. Needs the extra `bulkim[fleet]`."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bulkim.quota.host import on_this_host
from bulkim.quota.source import Sharing


def sharing(env: Mapping[str, str] = os.environ, *, rehearsal: bool = False) -> Sharing:
    """With whom quotas are shared: with every host of the fleet where BULKIM_FLEET names one, else on this host.

    Raises BulkimError when the fleet's database cannot be used.
    """
    if rehearsal or not env.get("BULKIM_FLEET"):
        return on_this_host
    from bulkim.fleet.shares import across_hosts

    return across_hosts(env)
