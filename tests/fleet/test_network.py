"""Workers in network namespaces of their own: another address, another loopback, and a way that takes its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.processes import environment

from .proxy import Proxy
from .test_faults import at_work, begun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # the proxies' threads
]
DELAY_S = 0.02  # one way


def ip(*words: str) -> bool:
    try:
        return not subprocess.run(words, capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


class Namespace:
    """One network namespace, with a wire to the host's."""

    def __init__(self, number: int) -> None:
        self.name, self.host = f"bulkim-{os.getpid()}-{number}", f"10.213.{number}.1"
        there, here = f"bt{os.getpid() % 10**6}{number}", f"bh{os.getpid() % 10**6}{number}"
        inside = ("ip", "netns", "exec", self.name)
        self.up = (
            ip("ip", "netns", "add", self.name)
            and ip("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", self.name)
            and ip("ip", "addr", "add", f"{self.host}/30", "dev", here)
            and ip("ip", "link", "set", here, "up")
            and ip(*inside, "ip", "addr", "add", f"10.213.{number}.2/30", "dev", there)
            and ip(*inside, "ip", "link", "set", there, "up")
            and ip(*inside, "ip", "route", "add", "default", "via", self.host)
        )
        netem = ("tc", "qdisc", "add", "dev", there, "root", "netem", "delay", f"{DELAY_S * 1000:g}ms")
        self.delayed = self.up and ip(*inside, *netem)

    def start(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", self.name, sys.executable, "-m", "bulkim", *words]
        return subprocess.Popen(command, env=environment(**extra), stdin=subprocess.DEVNULL, text=True)

    def close(self) -> None:
        ip("ip", "netns", "del", self.name)  # and its wire with it


@contextmanager
def namespaces(count: int) -> Iterator[list[Namespace]]:
    made = [Namespace(n) for n in range(count)]
    try:
        if not all(each.up for each in made):
            pytest.skip("network namespaces need root, and `ip`")
        yield made
    finally:
        for each in made:
            each.close()


def test_workers_on_hosts_of_their_own_with_a_slow_way(scene):
    """One is killed, the other goes on. Where the kernel has no netem, what passes on to database and vendor is slow instead."""
    with namespaces(2) as hosts:
        slow, address = 0.0 if hosts[0].delayed else DELAY_S, hosts[0].host
        ways = [Proxy(port, host=address, delay_s=slow) for port in (scene.database.port, scene.server.port)]
        dsn = f"postgresql://bulkim@{address}:{ways[0].port}/{scene.database.name}?sslmode=disable"
        connection = scene.connection("sandbox/demo")
        far = {**connection, "base_url": f"http://{address}:{ways[1].port}", "allow_http": True}
        try:
            run, names = begun(scene, users=400, limit=40, connection=far)
            for each in hosts:
                extra = {**scene.extra, "BULKIM_FLEET": dsn}
                scene.workers.append(each.start("fleet", "worker", "-q", **extra))
                at_work(scene, 60)
            holder = scene.database.one(
                "SELECT w.pid FROM bulkim.claim AS c JOIN bulkim.worker AS w ON w.name = c.worker"
            )
            os.kill(holder, signal.SIGKILL)
            scene.until(run)
            scene.compare(run, names)
            assert scene.server.stats()["pools"]["mute"]["worst_second"] <= 40
        finally:
            scene.close()
            for each in ways:
                each.close()
