"""What the pages share: their place, the field that all operations have, how they name failures, and what follows from them.

All commands are ``POST /v4/{service}/{command}`` with a JSON body. Limits are for each command and SDKAppID. Who is asked for
stands in the body, so a UserID may be any printable ASCII.
"""

from __future__ import annotations

from bulkim.catalogue.shapes import ErrorRule, FailuresOnly, Field
from bulkim.model import Kind

# What was at hand in 2026-11 are stored copies of the pages, some a year or two old; a pool says which where it matters. Where the
# copies for China and the international ones differ, what both take is declared.
READ_ON = "2026-11"
PAGES = "https://www.tencentcloud.com/document/product/1047/"
FOR_EVER = 4294967295

# The commands' own pages show no list of failures; those of their twins under timpush/ do (67819, 67823), and an OK
# that carries one would otherwise be believed of everybody.
NAMED_FAILURES = FailuresOnly(failed="ErrorList", key="To_Account", code="ErrorCode", reason="ErrorInfo")
INVALID_ACCOUNT = "Invalid_Account"  # a list of those of whom nothing else is said

AGAIN = "Nothing while the run goes on. `bulkim retry RUN` sends again what ended as unknown."
CORRECT = "Correct the item in the source and run the job again."
ADMINISTRATOR = "Give `connection.auth.identifier` an app administrator's id."
REGISTER_FIRST = "Check the UserID, or register the user first."


def username(wire: str) -> Field:
    return Field(
        "username",
        wire=wire,
        key=True,
        bytes_max=32,
        pattern=r"[\x20-\x7e]+",
        help="printable ASCII; upper and lower case are different users",
    )


def no_account(code: str, page: str) -> ErrorRule:
    """A code for users whom the app does not have."""
    return ErrorRule(
        kind=Kind.ABSENT,
        code=code,
        item=True,
        meaning="There is no such account.",
        remedy=REGISTER_FIRST,
        page=page,
    )


def not_administrator(code: str, page: str) -> ErrorRule:
    """A code for calls by somebody who is no app administrator."""
    return ErrorRule(
        kind=Kind.FATAL,
        code=code,
        meaning="Only an app administrator may do this.",
        remedy=ADMINISTRATOR,
        page=page,
    )
