"""`python -m bulkim`"""

from __future__ import annotations

from bulkim.cli import main

main()
