"""Views of the journal: the end of a run in words, and its items as CSV, JSON lines, a table or JUnit XML."""

# Nothing is imported here: what a code means must not cost the import of the journal.
