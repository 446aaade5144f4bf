"""Many hosts, one limit, one journal: what is shared through PostgreSQL. Needs the extra `bulkim[fleet]`."""
