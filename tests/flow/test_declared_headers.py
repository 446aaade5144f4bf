"""What a declared vendor says in the headers of its answers: it is heard over real sockets, not only where it is decoded."""

from __future__ import annotations

import json

import pytest
from support.answering import answering
from support.here import bulkim_here
from support.jobs import rows

from bulkim.quota.pool import Limiter

PROVIDER = """\
provider: 1
name: paged
label: Paged
source: https://paged.example/docs
apps: [{keys: [tenant], name: "{tenant}", target: "{tenant}"}]
auth: [bearer]
identity: {name: id, pattern: "[a-z0-9]+"}
envelope: {code: type, reason: detail}
errors: [{status: 429, kind: throttled}]
pools:
  - name: members
    limit: 100/s
    learn: {remaining: X-Left, reset: X-Reset}
operations:
  - name: list-members
    method: GET
    path: /members
    effect: read
    batch_max: 2
    paging: {items: "", key: id, size: per_page, by: link}
    pools: [members]
"""
JOB = """\
provider: ./paged.yaml
operation: list-members
connection: {{base_url: "{url}", tenant: acme, auth: {{token: t}}}}
"""
PAGES = {"": ("a1", "a2"), "a2": ("b1", "b2"), "b2": ("c1",)}


def page(connection, number: int, request: bytes) -> bool:
    """A page of members; the next one's address among other links, in a header line of its own."""
    after = request.split(b" ")[1].decode().partition("after=")[2]
    body = json.dumps([{"id": name} for name in PAGES[after]]).encode()
    links = [b'Link: </members?per_page=2>; rel="first"; title="all, from the beginning"']
    if (last := PAGES[after][-1]) in PAGES:
        links.append(
            b'LINK: </members?per_page=2&after=%b>; title="more, please"; rel="prefetch next"' % last.encode()
        )
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), b"X-Left: 3", b"x-reset: 1", *links]
    connection.sendall(b"\r\n".join([*head, b"", body]))
    return True


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paged.yaml").write_text(PROVIDER)
    with answering(page) as server:
        (tmp_path / "job.yaml").write_text(JOB.format(url=server.url))
        yield tmp_path / "job.yaml"


def test_a_listing_follows_the_header_that_says_where_it_goes_on(job):
    done = bulkim_here("run", "job.yaml", "--json")
    assert done.code == 0, done.err
    assert list(rows(job.parent / "bulkim.db")) == ["a1", "a2", "b1", "b2", "c1"]


def test_what_headers_say_is_left_reaches_the_limiter(job, monkeypatch):
    heeded = []
    monkeypatch.setattr(Limiter, "heed", lambda _, left, seconds: heeded.append((left, seconds)))
    assert bulkim_here("run", "job.yaml", "-q").code == 0
    assert heeded == [(3.0, 1.0)] * 3
