"""The same storm through a real nginx: TLS, keep-alive on both sides, its own error pages, connections that it closes when it likes."""

from __future__ import annotations

import copy
import shutil
import socket
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from support.server import serving

from .test_faults import LIMITS, storm

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
OPENSSL = shutil.which("openssl")

CONFIG = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream vendor {{ server {vendor}; keepalive 16; }}
  # By default nginx itself repeats a PUT or DELETE whose kept connection broke: the vendor then says "gone" of its own deletion.
  proxy_next_upstream off;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    keepalive_timeout 1s; keepalive_requests 40;
    location / {{ proxy_pass http://vendor; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 3s; }}
  }}
}}
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NGINX, reason="there is no nginx here (Debian: apt-get install nginx)"),
    pytest.mark.skipif(not OPENSSL, reason="there is no openssl here to make a certificate with"),
]


@pytest.fixture
def front(tmp_path, monkeypatch):
    """The sandbox behind nginx: what bulkim calls; it is asked and disturbed past nginx."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    assert OPENSSL
    assert NGINX
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(limits=LIMITS) as server:
        text = CONFIG.format(folder=folder, port=port, vendor=urlsplit(server.base_url).netloc)
        (folder / "nginx.conf").write_text(text)
        nginx = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-p", folder])
        try:
            _wait_for(port, nginx)
            behind = copy.copy(server)
            behind.base_url = f"https://localhost:{port}"
            yield behind
        finally:
            nginx.terminate()
            nginx.wait(30)


def _wait_for(port: int, nginx: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert nginx.poll() is None, "nginx did not start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("nginx does not listen")


@pytest.mark.parametrize("operation", ["register", "delete", "mute"])
def test_a_storm_through_nginx(front, tmp_path, operation):
    users, batch = {"register": (600, 6)}.get(operation, (200, None))
    assert storm(front, tmp_path, operation, 7, users=users, share=0.3, batch=batch) >= 4
