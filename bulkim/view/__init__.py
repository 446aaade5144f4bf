"""Runs for people: the account, the live block, results, the report."""
