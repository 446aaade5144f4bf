"""What can be done with a job and a run: start or continue it, verify it, undo it, account for it."""
