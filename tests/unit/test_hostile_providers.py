"""Declarations that could harm somebody end with a message that has a line, at once, and send nothing."""

from __future__ import annotations

import time

import pytest

from bulkim.catalogue.load import load
from bulkim.errors import InputError
from bulkim.vendors import PROVIDERS

GOOD = """\
provider: 1
name: good
label: Good
hosts: ["https://*.example.com"]
apps: [{keys: [site], name: "{site}", target: "{site}"}]
auth: [bearer]
identity: {name: id, pattern: "[a-z]+"}
envelope: {code: error, reason: message}
pools: [{name: all, limit: 10}]
errors: [{kind: throttled, status: 429}]
operations:
  - name: write
    method: POST
    path: /users/{id}
    effect: ensure
    fields: [{name: word, secret: true, optional: true}, {name: group, optional: true, pattern: "[a-z]+"}]
    body: {json: {a: "{word}", b: {c: 1}}}
    query: {v: 1}
    headers: {X-A: b}
    pools: [all]
    doubt: repeat
    verify: {operation: look}
  - {name: look, method: GET, path: "/users/{id}", effect: read, pools: [all]}
"""
HOSTILE = [  # what is put in place of what, and what is said
    ("{name: group, optional", "{name: group, key: true, optional", "cannot be a key beside a secret"),
    ("path: /users/{id}\n    eff", "path: /users/{id}/{word}\n    eff", "is secret, and addresses are written down"),
    ("path: /users/{id}\n    eff", "path: /users/x{id}\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: /users/{id}.json\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: '/users/{id}?x=1'\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: '//evil.example/{id}'\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: 'https://evil.example/{id}'\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: /users/{di}\n    eff", "there is no field 'di'"),
    ("path: /users/{id}\n    eff", "path: '/users/{id}#x'\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: '/users/%2e%2e/{id}'\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: '/users/{{id}}'\n    eff", "no path of whole segments"),
    ("path: /users/{id}\n    eff", "path: '/users/../{id}'\n    eff", "leads elsewhere"),
    ("path: /users/{id}\n    eff", "path: '/./users/{id}'\n    eff", "leads elsewhere"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(a+)+"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "([a-z]+)*x"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(?:a|a)*b"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(?:a|ab)+c"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(.*a){30}"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(a?)*b"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(?=(a+)+b)a"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "a*a*a*a*a*b"}\nenv', "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', "pattern: '(a)\\1+'}\nenv", "repeats what repeats"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "[a-z"}\nenv', "not a regular expression"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "(?P<x>a)"}\nenv', "group x"),
    ('pattern: "[a-z]+"}\nenv', 'pattern: "a{99999999999}"}\nenv', "not a regular expression"),
    ('pattern: "[a-z]+"}\nenv', "}\nenv", "has no pattern"),
    ("errors: [{kind: throttled, status: 429}]", 'errors: [{kind: absent, pattern: "(x+)+y"}]', "repeats what repeats"),
    ("effect: ensure", "effect: create", "a create that is sent again may create twice"),
    ("effect: ensure", "effect: delete", "destroys"),
    ("effect: ensure", "effect: destroy", "expected one of"),
    ("    effect: ensure\n", "", "needs the key 'effect'"),
    ("    pools: [all]\n    doubt", "    doubt", "pools"),
    ("    doubt: repeat\n", "", "needs the key 'doubt'"),
    ("doubt: repeat", "doubt: {probe: {operation: write}}", "write does not read"),
    ("doubt: repeat", "doubt: {probe: {operation: nothing}}", "there is no operation 'nothing'"),
    ("verify: {operation: look}", "verify: {operation: write}", "write does not read"),
    ("method: POST", "method: CONNECT", "is none of GET"),
    ("method: POST", "method: 'GET /evil HTTP/1.1'", "is none of GET"),
    ("headers: {X-A: b}", "headers: {Host: evil.example}", "is set by bulkim alone"),
    ("headers: {X-A: b}", "headers: {authorization: Bearer x}", "is set by bulkim alone"),
    ("headers: {X-A: b}", 'headers: {Content-Length: "0"}', "is set by bulkim alone"),
    ("headers: {X-A: b}", "headers: {Transfer-Encoding: chunked}", "is set by bulkim alone"),
    ("headers: {X-A: b}", 'headers: {"X A": b}', "is no header's name"),
    ("headers: {X-A: b}", 'headers: {X-A: "b\\r\\nX-B: c"}', "control character|no header can carry"),
    ("headers: {X-A: b}", 'headers: {X-A: "{word}"}', "has no pattern"),
    ("headers: {X-A: b}", 'headers: {X-A: "v{group}"}', "in the midst of text"),
    ("query: {v: 1}", 'query: {v: "{word}"}', "is secret, and addresses are written down"),
    ("query: {v: 1}", 'query: {v: "{none}"}', "there is no field 'none'"),
    ("query: {v: 1}", 'query: {v: {$items: "{id}"}}', "where no list can be"),
    ('{a: "{word}", b: {c: 1}}', '{a: "x {word} y"}', "in the midst of text"),
    ('{a: "{word}", b: {c: 1}}', '{a: {$items: "{word}", other: 1}}', "beside it or nothing"),
    ('{a: "{word}", b: {c: 1}}', '{a: {$items: {$items: "{word}"}}}', "is inside another"),
    ('{a: "{word}", b: {c: 1}}', '{a: {$eval: "1+1"}}', "there is no $eval"),
    ('{a: "{word}", b: {c: 1}}', "{a: {$by: id}}", "$by is the name of a field"),
    ('{a: "{word}", b: {c: 1}}', '{a: "{nobody}"}', "there is no field 'nobody'"),
    ('{a: "{word}", b: {c: 1}}', "&x [*x]", "not supported"),
    ('{a: "{word}", b: {c: 1}}', "!!python/object:os.system x", "not supported"),
    ('{a: "{word}", b: {c: 1}}', "[" * 40 + "]" * 40, "nested deeper"),
    ('hosts: ["https://*.example.com"]', 'hosts: ["https://*evil"]', "is no host"),
    ('hosts: ["https://*.example.com"]', 'hosts: ["file:///etc"]', "is no host"),
    ('hosts: ["https://*.example.com"]', 'hosts: ["https://a@b"]', "is no host"),
    ("auth: [bearer]", "auth: [{oauth2-client: {path: '//evil.example/token'}}]", "no path of whole segments"),
    ("auth: [bearer]", "auth: [{digest: {algorithm: sha1, over: [secret], headers: {Host: '{digest}'}}}]", "is set by bulkim alone"),
    ("auth: [bearer]", 'auth: [{api-key: {header: "X\\nY"}}]', "is no header's name|control character"),
    ("auth: [bearer]", "auth: [{signed: {by: rot13, identity: a, secret: b}}]", "expected one of agora-access-token2, tencent-usersig"),
    ("limit: 10}", "limit: 10, learn: {remaining: X-Left}}", "needs the key 'reset'"),
    ("limit: 10}", "limit: 0}", "more than 0"),
    ("limit: 10}", "limit: -5}", "more than 0"),
    ("limit: 10}", "limit: fast}", "calls a second"),
    ("limit: 10}", "limit: .inf}", "more than 0|calls a second"),
    ("name: good", "name: ../../etc", "lower-case letters"),
    ("name: good", "name: good\nextends: nobody", "there is no provider 'nobody'"),
    ("keys: [site]", "keys: [base_url]", "cannot name an app"),
    ("name: look", "name: write", "is there twice"),
    ("    doubt: repeat\n", "    doubt: repeat\n    batch_max: 10\n", "the others of a call would be lost"),
    ("    doubt: repeat\n", "    doubt: repeat\n    batch_max: 0\n", "at least 1"),
    ("    doubt: repeat\n", "    doubt: repeat\n    shell: rm -rf /\n", "unknown key 'shell'"),
    ("    doubt: repeat\n", "    doubt: repeat\n    statuses: {two: succeeded}\n", "is no number"),
    ("    doubt: repeat\n", "    doubt: repeat\n    statuses: {302: succeeded}\n", "is no status that can be taken"),
    ("    doubt: repeat\n", "    doubt: repeat\n    statuses: {500: succeeded}\n", "is no status that can be taken"),
]  # fmt: skip


def test_the_good_one_is_good():
    assert load(GOOD, "good.yaml").name == "good"


def test_there_are_enough():
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize(("before", "after", "expected"), HOSTILE, ids=range(len(HOSTILE)))
def test_it_ends_with_a_message_that_has_a_line(before, after, expected):
    assert before in GOOD
    began = time.process_time()
    with pytest.raises(InputError) as raised:
        load(GOOD.replace(before, after, 1), "bad.yaml", PROVIDERS)
    said = [str(each) for each in raised.value.problems]
    assert any(word in each for word in expected.split("|") for each in said), said
    assert all(each.line for each in raised.value.problems), said
    assert time.process_time() - began < 5, "a reader that hangs"
