"""`python -m bulkim`"""

from __future__ import annotations

from bulkim.cli import main

if __name__ == "__main__":  # a worker's processes read this file again
    main()
