"""Small things that are said: of a list to start from, of a guard, of a limit that nothing has lowered."""

from __future__ import annotations

import pytest

from bulkim.catalogue.called import called_there
from bulkim.model import Guard, Status
from bulkim.sending.guard import breaker
from bulkim.vendors import PROVIDERS, provider
from bulkim.work import starter


def test_a_list_to_start_from_has_no_column_that_is_not_used():
    assert (
        starter.rows(provider("tencent").operation("register")).splitlines()[0]
        == "username,nickname,face_url"
    )
    assert starter.rows(provider("easemob").operation("register")).startswith("username,password,nickname")


@pytest.mark.parametrize(("operation", "needs"), [
    ("register", "what destroys, such as delete, then needs --confirm"), ("delete", "delete then needs --confirm"),
])  # fmt: skip
def test_a_new_connection_says_what_needs_to_be_confirmed(operation, needs):
    vendor = provider("tencent")
    assert needs in starter.connections(vendor, vendor.operation(operation))


@pytest.mark.parametrize(("counts", "expected"), [
    ((3, 100), "3 items failed and 100 are unknown (103 in all), and guard.max_failures allows 2"),
    ((3, 0), "3 items failed, and guard.max_failures allows 2"),
    ((0, 4), "4 items are unknown, and guard.max_failures allows 2"),
])  # fmt: skip
def test_a_guard_says_what_it_counted(counts, expected):
    failed, unknown = counts
    found = {**dict.fromkeys(Status, 0), Status.FAILED: failed, Status.UNKNOWN: unknown}
    assert breaker(Guard(max_failures="2"), found).reason == expected


@pytest.mark.parametrize(("word", "expected"), [
    ("multiaccount_import", "at Tencent Chat that is `register`"),
    ("account_import", "at Tencent Chat that is `register`"),
    ("account_delete", "at Tencent Chat that is `delete`"),
    ("import", "at Easemob that is `import-contacts`; at Tencent Chat that is `register` or `import-friends`"),
    ("deactivate", "at Easemob that is `ban`; at Agora Chat that is `ban`"),
    ("xyz", None), ("sing", None),
])  # fmt: skip
def test_a_vendors_own_name_of_an_operation(word, expected):
    assert called_there(word, PROVIDERS.values()) == expected
