"""Batches to the vendor and their answers into the journal."""
