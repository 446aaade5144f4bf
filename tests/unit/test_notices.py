"""Messages for chat rooms, against robots that check them as their documentation says."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim import codes
from bulkim.model import Notify, Status
from bulkim.work import notices
from bulkim.work.notify import notify

FACTS = {
    "run": "5tm6aye5", "name": "清理测试账号", "provider": "easemob", "operation": "delete", "state": "stopped", "items": 602,
    "counts": {**dict.fromkeys(map(str, Status), 0), "succeeded": 580, "failed": 20, "skipped": 2},
    "codes": {"service_resource_not_found": 20}, "requests": 606, "retries": 6, "throttled": 0, "resumed": False,
    "elapsed_s": 12.5, "stop": {"code": "max_failures", "reason": "20 of 602 failed"}, "exit_code": 4,
    "target": "https://a1.easemob.com 1122#testapp", "host": "nas-1", "started_at": 1_790_000_000.0,
    "finished_at": 1_790_000_020.0,
}  # fmt: skip


def slack(body: dict) -> tuple[int, bytes]:
    """ "ok" in plain text, or a status and a word."""
    if not isinstance(body.get("text"), str) or not body["text"]:
        return 400, b"no_text"
    return (200, b"ok") if len(body["text"]) <= 40_000 else (400, b"msg_too_long")


def dingtalk(body: dict) -> tuple[int, bytes]:
    """Always 200; errcode decides. This robot demands a keyword."""
    text = body.get("text", {}).get("content", "") if body.get("msgtype") == "text" else ""
    if not text:
        return 200, b'{"errcode":40035,"errmsg":"param error"}'
    if "bulkim" not in text:
        return 200, b'{"errcode":310000,"errmsg":"keywords not in content"}'
    return 200, b'{"errcode":0,"errmsg":"ok"}'


def feishu(body: dict) -> tuple[int, bytes]:
    """Always 200; code decides. A request is at most 20 kB."""
    content = body.get("content")
    if body.get("msg_type") != "text" or not isinstance(content, dict) or not content.get("text"):
        return 200, b'{"code":9499,"msg":"Bad Request","data":{}}'
    return 200, b'{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}'


def wecom(body: dict) -> tuple[int, bytes]:
    """Always 200; errcode decides. A text is at most 2,048 bytes of UTF-8."""
    text = body.get("text", {}).get("content", "") if body.get("msgtype") == "text" else ""
    if not text or len(text.encode()) > 2048:
        return 200, b'{"errcode":44004,"errmsg":"content size out of limit"}'
    return 200, b'{"errcode":0,"errmsg":"ok"}'


SECRET = "SECf00dcafe"


def fresh(timestamp: str, *, unit: float) -> bool:
    """Within an hour, as both services demand."""
    return timestamp.isdigit() and abs(int(timestamp) / unit - time.time()) < 3600


def dingtalk_signed(body: dict, query: dict) -> tuple[int, bytes]:
    """A robot of the kind that demands signatures."""
    at = query.get("timestamp", "")
    made = hmac.new(SECRET.encode(), f"{at}\n{SECRET}".encode(), "sha256").digest()
    if not fresh(at, unit=1000) or query.get("sign") != base64.b64encode(made).decode():
        return 200, b'{"errcode":310000,"errmsg":"sign not match, more: [https://ding-doc.dingtalk.com]"}'
    return dingtalk(body)


def feishu_signed(body: dict, _: dict) -> tuple[int, bytes]:
    """The signature stands beside the message."""
    at = body.get("timestamp", "")
    made = hmac.new(f"{at}\n{SECRET}".encode(), b"", "sha256").digest()
    if not fresh(at, unit=1) or body.get("sign") != base64.b64encode(made).decode():
        return (
            200,
            b'{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time","data":{}}',
        )
    return feishu(body)


ROBOTS = {"slack": slack, "dingtalk": dingtalk, "feishu": feishu, "wecom": wecom}

SIGNED = {"dingtalk+sign": dingtalk_signed, "feishu+sign": feishu_signed}


@pytest.fixture
def robot(request):
    """A service that checks what it gets."""
    name = request.param
    judge = SIGNED[name] if name in SIGNED else lambda body, _: ROBOTS[name](body)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.headers["Content-Type"] == "application/json"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = judge(body, dict(parse_qsl(urlsplit(self.path).query)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield request.param, f"http://127.0.0.1:{server.server_port}/robot"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("robot", ROBOTS, indirect=True)
def test_each_service_takes_its_message(robot):
    form, url = robot
    assert notify(Notify(url, form), FACTS) is None


@pytest.mark.parametrize("robot", SIGNED, indirect=True)
def test_a_robot_that_demands_signatures_takes_ours_and_no_others(robot):
    name, url = robot
    form = name.partition("+")[0]
    assert notify(Notify(f"{url}?access_token=abc", form, SECRET), FACTS) is None
    for secret in ("", "SECother"):
        assert "sign" in notify(Notify(url, form, secret), FACTS)


@pytest.mark.parametrize("robot", ROBOTS, indirect=True)
def test_a_message_in_another_services_form_is_refused_and_said(robot):
    form, url = robot
    other = "feishu" if form != "feishu" else "slack"
    if form == "slack":
        assert notify(Notify(url, "wecom"), FACTS) == "HTTP 400"
        return
    answer = ROBOTS[form](notices.body(other, FACTS))[1]
    assert notices.refusal(form, answer)


def test_the_message_says_what_and_where_and_how_it_ended():
    text = notices.message(FACTS, codes.OWN["max_failures"])
    for words in ("清理测试账号", "delete at easemob https://a1.easemob.com 1122#testapp", "580 succeeded + 20 failed + 2 skipped",
                  "stopped: max_failures: 20 of 602 failed", "service_resource_not_found: 20", "run 5tm6aye5 on nas-1, exit code 4"):  # fmt: skip
        assert words in text
    assert text.startswith("bulkim ")
    assert (
        "`--set guard.max_failures=N`" in text
    )  # what to do; nobody says that the same command simply continues
    assert "the same command continues" not in text


def test_a_run_that_ended_with_faults_or_with_nobody_does_not_look_well():
    well = FACTS | {"state": "finished", "stop": None, "exit_code": 0}
    assert notices.message(well).startswith("bulkim ✓ ")
    assert notices.message(well | {"exit_code": 1}).startswith("bulkim ! ")
    assert "There was nobody to send." in notices.message(well | {"items": 0})
    assert "There was nobody to send." not in notices.message(well)


@pytest.mark.parametrize(
    ("code", "simply"), [("window", True), ("ctl", True), ("max_failures", False), (None, True)]
)
def test_who_is_told_that_the_same_command_continues(code, simply):
    stop = {"stop": {"code": code, "reason": "why"}} if code else {"stop": None}
    text = notices.message(FACTS | stop | {"state": "interrupted"}, codes.OWN.get(code))
    assert ("the same command continues" in text.splitlines()) is simply


def test_the_message_is_in_the_readers_language(monkeypatch):
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    text = notices.message(FACTS, codes.OWN["max_failures"])
    for words in ("清理测试账号 已停止", "输入 602 = 580 成功 + 20 失败 + 2 跳过", "已停止：max_failures：20 of 602 failed",
                  "本次需放宽上限", "运行 5tm6aye5，主机 nas-1，退出码 4"):  # fmt: skip
        assert words in text
    assert "再次运行同一命令即可继续" not in text
    window = FACTS | {"stop": {"code": "window", "reason": "the window 05:00-08:30 has closed"}}
    assert "再次运行同一命令即可继续" in notices.message(window, codes.OWN["window"])
    assert notices.body("json", FACTS) == FACTS


def test_what_was_refused_before_a_run_was_made(monkeypatch):
    facts = {
        "run": "", "name": "purge", "provider": "easemob", "operation": "delete", "state": "refused", "codes": {}, "exit_code": 4,
        "stop": {"code": "max_items", "reason": "guard.max_items is 3,000, but 3,005 items would be sent"},
        "target": "https://a1.easemob.com 1122#testapp", "host": "nas-1",
    }  # fmt: skip
    text = notices.message(facts, codes.OWN["max_items"])
    assert text.splitlines()[0] == "bulkim ✗ purge refused"
    assert "refused: max_items: guard.max_items is 3,000" in text
    assert "raise `guard.max_items`" in text
    assert text.splitlines()[-1] == "on nas-1, exit code 4"
    assert "continues" not in text
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    assert "被拒绝：max_items：" in notices.message(facts, codes.OWN["max_items"])


# ---------------------------------------------------------------------------------------- signatures


def test_dingtalk_signs_the_address():
    """The service's page: HmacSHA256 with the secret over "timestamp LF secret", Base64, URL-encoded; milliseconds."""
    hook = Notify("https://oapi.dingtalk.com/robot/send?access_token=abc", "dingtalk", "SECthis is secret")
    url, body = notices.signed(hook, {"msgtype": "text"}, 1_599_360_473.25)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked["access_token"] == "abc"
    assert asked["timestamp"] == "1599360473250"
    secret = b"SECthis is secret"
    made = hmac.new(secret, b"1599360473250\n" + secret, "sha256").digest()
    assert base64.b64decode(asked["sign"]) == made
    assert body == {"msgtype": "text"}
    assert "+" not in url.partition("sign=")[2]
    assert notices.signed(Notify("https://h/x", "dingtalk", "s"), {}, 1.0)[0].startswith(
        "https://h/x?timestamp=1000&sign="
    )


def test_feishu_signs_in_the_body():
    """The service's page: "timestamp LF secret" is the key, the message is empty; seconds, as text."""
    hook = Notify("https://open.feishu.cn/open-apis/bot/v2/hook/abc", "feishu", "demo")
    url, body = notices.signed(hook, {"msg_type": "text"}, 1_599_360_473.9)
    assert url == hook.url
    assert body["timestamp"] == "1599360473"
    assert base64.b64decode(body["sign"]) == hmac.new(b"1599360473\ndemo", b"", "sha256").digest()
    assert body["msg_type"] == "text"


def test_without_a_secret_nothing_is_signed():
    hook = Notify("https://oapi.dingtalk.com/robot/send?access_token=abc", "dingtalk")
    assert notices.signed(hook, {"a": 1}, 1.0) == (hook.url, {"a": 1})


@pytest.mark.parametrize(
    ("form", "answer", "words"),
    [
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, "give the robot that keyword"),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, "give the robot that keyword"),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, "set `secret`"),
        (
            "feishu",
            {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"},
            "set `secret`",
        ),
    ],
)
def test_a_refusal_says_what_to_do(form, answer, words):
    assert words in notices.refusal(form, json.dumps(answer).encode())


@given(name=st.text(max_size=3000), form=st.sampled_from(["slack", "dingtalk", "feishu", "wecom"]))
def test_no_message_is_longer_than_its_service_takes(name, form):
    body = json.dumps(notices.body(form, FACTS | {"name": name}), ensure_ascii=False)
    text = json.loads(body)
    content = text.get("text") or text["content"]
    content = content if isinstance(content, str) else content.get("content", content.get("text"))
    assert len(content.encode("utf-8", "surrogatepass")) <= notices.BYTES_MAX[form]


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b"{}", b'{"errcode": 93000, "errmsg": "invalid webhook url"}']
)
def test_what_does_not_say_that_it_was_taken_is_trouble(answer):
    assert notices.refusal("wecom", answer)
