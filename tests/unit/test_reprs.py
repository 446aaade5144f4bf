"""What a debugger, a notebook or an error service shows of an object by itself: no value of a row, for it may be a password."""

from __future__ import annotations

from pathlib import Path

import bulkim
from bulkim import planning, source
from bulkim.model import Batch, Final, Item, Source, Status
from bulkim.source import BadRow
from bulkim.vendors import PROVIDERS

PASSWORD = "planted-7Qk2"
CONNECTION = {"base_url": "https://a1.easemob.com", "org": "o", "app": "a", "auth": {"token": PASSWORD}}


def test_no_value_of_a_row_is_shown(tmp_path):
    rows = [{"username": "anna", "password": PASSWORD, "nickname": "Anna"}]
    job = bulkim.load({
        "name": "new", "provider": "easemob", "operation": "register", "connection": CONNECTION, "source": {"items": rows},
    })  # fmt: skip
    table = tmp_path / "users.csv"
    table.write_text(f"username,password\nanna,{PASSWORD}\nbert,{PASSWORD}\n")
    provider = PROVIDERS["easemob"]
    operation = provider.operation("register")
    reader = source.open_source(Source("csv", path=Path(table)), secret_fields=operation.secrets)
    shown = [job, job.source, *reader.rows(), *reader.blocks()]
    parts = list(planning.stretches(job, provider, operation, reader))
    shown += [*parts, *(each.clean for each in parts if isinstance(each, planning.Stretch))]
    assert any(isinstance(each, planning.Stretch) for each in parts)
    item = Item(1, "anna", "anna", rows[0])
    shown += [item, Batch((item,)), Final(item, Status.FAILED, "x", "y"), BadRow(1, 2, "odd", rows[0])]
    assert not [repr(each) for each in shown if PASSWORD in repr(each)]
    assert "anna" in repr(item), "who it is, is shown"
