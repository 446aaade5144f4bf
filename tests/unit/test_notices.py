"""Messages for chat rooms, against robots that check them as their documentation says."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


ROBOTS = {"slack": slack, "dingtalk": dingtalk, "feishu": feishu, "wecom": wecom}


@pytest.fixture
def robot(request):
    """A service that checks what it gets."""
    judge = ROBOTS[request.param]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.headers["Content-Type"] == "application/json"
            status, answer = judge(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
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
    text = notices.message(FACTS)
    for words in ("清理测试账号", "delete at easemob https://a1.easemob.com 1122#testapp", "580 succeeded + 20 failed + 2 skipped",
                  "max_failures 20 of 602 failed", "service_resource_not_found: 20", "run 5tm6aye5 on nas-1, exit code 4"):  # fmt: skip
        assert words in text
    assert text.startswith("bulkim ")


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
