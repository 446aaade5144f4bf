"""The journal of runs: what was asked, what was sent, what came back; the only state there is."""
