"""The `notify` section: variables, several receivers, and each chat service's own robot."""

from __future__ import annotations

import pytest

from bulkim import jobfile
from bulkim.errors import InputError
from bulkim.model import Notify
from bulkim.vendors import PROVIDERS
from bulkim.work.rehearsal import NOWHERE, published

JOB = """\
provider: easemob
operation: delete
connection: {base_url: https://a1.easemob.com, org: "1", app: a, auth: {token: t0ken}}
source: {csv: users.csv}
"""
DING = "https://oapi.dingtalk.com/robot/send?access_token=T0KEN-of-the-robot"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/T0KEN-of-the-robot"
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=T0KEN-of-the-robot"
SLACK = "https://hooks.slack.com/services/T/B/T0KEN-of-the-robot"


@pytest.fixture
def load(tmp_path):
    def loaded(notify: str, env: dict[str, str] | None = None, *, sandbox: bool = False, **more):
        path = tmp_path / "job.yaml"
        path.write_text(f"{JOB}notify: {notify}\n")
        more |= {"sandbox": published(NOWHERE)} if sandbox else {}
        return jobfile.load(path, env=env or {}, providers=PROVIDERS, **more)

    return loaded


def complaints(load, notify: str, env: dict[str, str] | None = None, **more) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(notify, env, **more)
    assert "T0KEN" not in str(raised.value)
    return [str(problem).rpartition("/job.yaml:")[2] for problem in raised.value.problems]


def test_one_receiver(load):
    assert load("{url: https://hooks.example.com/x}").notify == (Notify("https://hooks.example.com/x"),)
    assert load("null").notify == ()


def test_variables(load):
    env = {"ROBOT": DING, "SIGN": "SECsecret"}
    job = load('{url: "${ROBOT}", format: dingtalk, secret: "${SIGN}"}', env)
    assert job.notify == (Notify(DING, "dingtalk", "SECsecret"),)
    assert "${ROBOT}" in job.text
    assert "${SIGN}" in job.text
    token = load(
        '{url: "https://oapi.dingtalk.com/robot/send?access_token=${T}", format: dingtalk}', {"T": "T0KEN-x"}
    )
    assert token.notify[0].url.endswith("=T0KEN-x")


def test_several_receivers(load):
    job = load(
        '[{url: "${A}", format: feishu, secret: s3cret-word}, {url: "https://h.example/T0KEN-literal"}]',
        {"A": FEISHU},
    )
    assert job.notify == (Notify(FEISHU, "feishu", "s3cret-word"), Notify("https://h.example/T0KEN-literal"))
    assert "T0KEN" not in job.text
    assert "s3cret" not in job.text
    assert "T0KEN" not in repr(job)
    assert "s3cret" not in repr(job)


@pytest.mark.parametrize("words", ['{url: "${ROBOT}"}', '[{url: "${ROBOT}"}]', '{url: "https://h/${ROBOT}"}'])
def test_a_variable_that_is_not_set(load, words):
    place = f"5:{words.index('url') + 14}"
    assert complaints(load, words) == [
        f"{place}: the environment variable ROBOT is not set (export ROBOT=...)"
    ]
    assert load(words, unset=True).unset == ("ROBOT",)
    assert load(words, sandbox=True).unset == ()  # a rehearsal tells nobody


def test_an_option_names_a_variable(load):
    job = load("null", {"ROBOT": DING}, overrides=[("notify", '{url: "${ROBOT}", format: dingtalk}')])
    assert job.notify[0].url == DING
    assert "T0KEN" not in job.text


@pytest.mark.parametrize(
    ("url", "form"), [(DING, "dingtalk"), (FEISHU, "feishu"), (WECOM, "wecom"), (SLACK, "slack")]
)
def test_a_robots_own_format(load, url, form):
    assert load(f"{{url: '{url}', format: {form}}}").notify[0].format == form
    for other in (
        "",
        ", format: json",
        ", format: ding",
        f", format: {'slack' if form != 'slack' else 'wecom'}",
    ):
        for words in (f"{{url: '{url}'{other}}}", f"[{{url: '{url}'{other}}}]"):
            (said,) = complaints(load, words)
            assert said.endswith(f"(write format: {form})")
            assert "format" in said
    (said,) = complaints(load, '{url: "${ROBOT}"}', {"ROBOT": url})
    assert f"write format: {form}" in said


@pytest.mark.parametrize(
    ("notify", "words"),
    [
        (
            "{url: https://h/x, secret: abc}",
            "notify.secret: no signature is known for format json (only dingtalk and feishu sign)",
        ),
        ("{url: https://h/x, format: wecom, secret: abc}", "no signature is known for format wecom"),
        ("[]", "must not be empty"),
        ("https://h/x", "expected a mapping with a url, or a list of them; this is text"),
        ("[{url: https://h/x}, {format: slack}]", "notify.1 needs the key 'url'"),
        ("[{url: https://h/x, urls: 1}]", "unknown key 'urls' under notify.0 (did you mean 'url'?)"),
        ("[{url: http://h.example/x}]", "notify.0.url: plain http would send the summary in clear"),
        (
            "{url: https://h/x, format: telegram}",
            "expected json, slack, dingtalk, feishu or wecom, got 'telegram'",
        ),
    ],
)
def test_what_will_not_do(load, notify, words):
    assert words in "\n".join(complaints(load, notify))
