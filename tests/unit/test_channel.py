"""A call until it is answered: what a refusal costs, what the channel obeys, when it gives up. On a virtual clock."""

from __future__ import annotations

import asyncio
import itertools

import anyio
import pytest
from support.virtual import run

from bulkim.catalogue.shapes import Learn, Operation
from bulkim.errors import GuardError, RefusedError
from bulkim.model import Call, Credentials, Decision, Fault, Kind, Outcome, Reply, Rest, Stop
from bulkim.quota.pacer import Pacer
from bulkim.sending.channel import Channel, Heard, Stopped
from bulkim.sending.retry import Policy, Step
from bulkim.vendors import PROVIDERS

ASK: Operation = PROVIDERS["easemob"].operation("get-user")
POOL = ASK.pools[0]
CALL = Call("GET", "/users/anna", "/users/{username}")
DONE = Outcome(Kind.SUCCEEDED)


class Credential:
    """Numbered credentials; every fetch takes a moment."""

    def __init__(self, *, renewals: int = 99) -> None:
        self.number, self.wanted, self.renewals = 1, False, renewals
        self.good: list[Credentials] = []

    def needs(self, now):
        return Call("POST", "/token", "/token") if self.wanted else None

    def current(self, now):
        return None if self.wanted else Credentials((("authorization", str(self.number)),))

    def accept(self, answer, now):
        self.number, self.wanted = self.number + 1, False

    def accepted(self, credentials):
        self.good.append(credentials)

    def refused(self, credentials, now):
        if self.renewals == 0:
            raise RefusedError("these are the only ones")
        self.renewals, self.wanted = self.renewals - 1, True


class Transport:
    """Notes what is sent, and answers after a while."""

    def __init__(self, latency_s: float = 0.05) -> None:
        self.sent: list[tuple[float, str, Credentials]] = []
        self.headers: dict[str, str] = {}
        self.under_way: list[int] = []  # as each call of an operation left, itself included
        self._latency_s, self._now = latency_s, 0

    async def send(self, call: Call, credentials: Credentials = Credentials()) -> Reply | Fault:  # noqa: B008
        self.sent.append((asyncio.get_running_loop().time(), call.path, credentials))
        self._now += 1
        self.under_way.append(self._now)
        await anyio.sleep(self._latency_s)
        self._now -= 1
        return Reply(200, b"{}", self.headers)


def answered(*outcomes: Outcome, retries: int = 3, credential: Credential | None = None):
    """Ask until answered, where the vendor says `outcomes` one after another; (transport, credential, error)."""
    transport, credential = Transport(), credential or Credential()
    left = list(outcomes)

    async def main() -> Stopped | None:
        channel = Channel(
            transport, Pacer({POOL: 100.0}), credential, Policy(retries), asyncio.get_running_loop().time
        )

        async def attempt() -> Heard[str]:
            permit = await channel.permit(ASK)
            await channel.send(CALL, permit)
            outcome = left.pop(0)
            return Heard(outcome, permit, "there" if outcome is DONE else None)

        try:
            assert await channel.until_answered(attempt) == "there"
        except Stopped as stopped:
            return stopped
        return None

    stopped = run(main)
    assert not left, "it stopped asking too early"
    return transport, credential, stopped


def test_an_answer_is_asked_for_once():
    transport, credential, stopped = answered(DONE)
    assert stopped is None
    assert [path for _, path, _ in transport.sent] == ["/users/anna"]
    assert len(credential.good) == 1


def test_a_refusal_for_the_quota_costs_no_attempt():
    _, _, stopped = answered(*[Outcome(Kind.THROTTLED)] * 20, DONE, retries=0)
    assert stopped is None


@pytest.mark.parametrize("asked_s", [None, 0.0, 3.0])
def test_a_refused_pool_rests_as_long_as_the_vendor_asks_or_a_moment(asked_s):
    transport, _, _ = answered(Outcome(Kind.THROTTLED, retry_after_s=asked_s), DONE)
    (first, *_), (second, *_) = transport.sent
    pause_s = second - first - 0.05
    assert pause_s >= (asked_s or 0.1)
    assert pause_s < (asked_s or 0.1) + 0.5


def test_refused_credentials_are_renewed_once_and_that_costs_no_attempt():
    refused = Outcome(Kind.UNAUTHORIZED, "401", "expired")
    transport, credential, stopped = answered(refused, DONE, retries=0)
    assert stopped is None
    assert [path for _, path, _ in transport.sent] == ["/users/anna", "/token", "/users/anna"]
    assert credential.good == [Credentials((("authorization", "2"),))]
    _, _, stopped = answered(refused, refused)
    assert stopped.stop.exit_code == 6


def test_credentials_that_cannot_be_renewed_stop_it():
    _, _, stopped = answered(Outcome(Kind.UNAUTHORIZED), credential=Credential(renewals=0))
    assert (stopped.stop.exit_code, stopped.stop.code) == (6, "unauthorized")


def test_silence_is_asked_again_so_many_times_and_then_given_up():
    silence = Outcome(Kind.UNKNOWN, "timeout", "no answer in time")
    assert answered(*[silence] * 3, DONE, retries=3)[2] is None
    _, _, stopped = answered(*[silence] * 4, retries=3)
    assert (stopped.stop.exit_code, stopped.outcome) == (4, silence)


def test_what_no_call_can_change_stops_it_at_once():
    _, _, stopped = answered(Outcome(Kind.FATAL, "app_closed", "the app is closed"))
    assert (stopped.stop.exit_code, stopped.stop.code) == (6, "app_closed")


@pytest.mark.parametrize("orders", [Decision, Step])
def test_the_channel_obeys_whoever_orders(orders):
    stop = Stop(6, "fatal", "why", "hint")

    async def main() -> None:
        credential = Credential()
        channel = Channel(Transport(), Pacer({POOL: 100.0}), credential, Policy())
        permit = await channel.permit(ASK)
        now, pool = asyncio.get_running_loop().time(), channel.pacer.limiters[POOL]
        assert channel.obey(orders(), permit) is None
        assert (pool.slowed, credential.wanted) == (False, False)
        assert channel.obey(orders(cool_down=Rest(2.0), renew=True), permit) is None
        assert pool.rest_until == pytest.approx(now + 2.0, abs=0.01)
        assert (pool.slowed, credential.wanted) == (True, True)
        assert channel.obey(orders(stop=stop), permit) is stop

    run(main)


def test_many_tasks_fetch_credentials_once_and_keep_the_limit():
    async def main() -> None:
        transport, credential = Transport(), Credential()
        credential.wanted = True
        channel = Channel(transport, Pacer({POOL: 50.0}), credential, Policy())
        await channel.pacer.start()

        async def one() -> None:
            await channel.send(CALL, await channel.permit(ASK))

        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(one)
        moments = sorted(moment for moment, path, _ in transport.sent if path == CALL.path)
        assert [path for _, path, _ in transport.sent].count("/token") == 1
        assert len(moments) == 100
        assert all(later - earlier >= 1.0 for earlier, later in zip(moments, moments[50:], strict=False))

    run(main)


class Gate:
    """Opens and shuts at given moments of the loop."""

    def __init__(self) -> None:
        self.opens_at, self.shuts_at, self.lost = 0.0, float("inf"), False

    def is_open(self) -> bool:
        return not self.lost and self.opens_at <= asyncio.get_running_loop().time() < self.shuts_at

    async def until_open(self) -> None:
        if self.lost:
            raise GuardError("another worker has taken this run")
        await anyio.sleep_until(self.opens_at)


def test_nothing_leaves_while_the_gate_is_shut_and_no_burst_when_it_opens():
    async def main() -> list[float]:
        transport, gate = Transport(), Gate()
        channel = Channel(transport, Pacer({POOL: 50.0}), Credential(), Policy(), gate=gate)
        await channel.pacer.start()
        begin = asyncio.get_running_loop().time()
        gate.opens_at = begin + 5.0

        async def one() -> None:
            await channel.send(CALL, await channel.permit(ASK))

        async with anyio.create_task_group() as tasks:
            for _ in range(120):
                tasks.start_soon(one)
        return [moment - begin for moment, _, _ in transport.sent]

    moments = sorted(run(main))
    assert len(moments) == 120
    assert moments[0] >= 5.0
    assert all(later - earlier >= 1.0 for earlier, later in zip(moments, moments[50:], strict=False))


def test_a_call_whose_gate_will_not_open_again_is_not_sent():
    async def main() -> Transport:
        transport, gate = Transport(), Gate()
        channel = Channel(transport, Pacer({POOL: 50.0}), Credential(), Policy(), gate=gate)
        permit = await channel.permit(ASK)
        gate.lost = True
        with pytest.raises(GuardError):
            await channel.send(CALL, permit)
        return transport

    assert run(main).sent == []


def test_a_place_that_grew_old_is_taken_anew_only_where_there_is_a_gate():
    async def main() -> None:
        for gate, anew in ((None, False), (Gate(), True)):
            channel = Channel(Transport(), Pacer({POOL: 50.0}), Credential(), Policy(), gate=gate)
            permit = await channel.permit(ASK)
            before = permit.marks
            await anyio.sleep(0.2)  # the journal's disk is slow
            await channel.send(CALL, permit)
            assert (permit.marks is not before) == anew

    run(main)


def test_waiting_is_told_what_for():
    async def main() -> list[str]:
        told: list[str] = []
        channel = Channel(Transport(), Pacer({POOL: 100.0}), Credential(), Policy())
        permit = await channel.permit(ASK, waiting=told.append)
        await channel.send(CALL, permit)
        channel.obey(Step(cool_down=Rest()), permit)
        await channel.permit(ASK, waiting=told.append)
        return told

    assert run(main) == ["credentials", "quota", "credentials", "vendor"]


def at_once(calls: int, *kinds: Kind, latency_s: float, renewals: int = 99) -> Transport:
    """So many tasks send at once; answers mean `kinds`, the last of them from then on. Whoever is stopped ends."""
    transport = Transport(latency_s)

    async def main() -> None:
        channel = Channel(transport, Pacer({POOL: 100.0}), Credential(renewals=renewals), Policy(3))
        left = list(kinds)

        async def one(scope: anyio.CancelScope) -> None:
            async def attempt() -> Heard[str]:
                permit = await channel.permit(ASK)
                await channel.send(CALL, permit)
                kind = left.pop(0) if len(left) > 1 else left[0]
                return Heard(Outcome(kind), permit, "there" if kind is Kind.SUCCEEDED else None)

            try:
                await channel.until_answered(attempt)
            except Stopped:
                scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(calls):
                tasks.start_soon(one, tasks.cancel_scope)

    run(main)
    return transport


@pytest.mark.parametrize("latency_s", [0.001, 0.5, 3.0])
def test_refused_credentials_cost_two_calls_in_all_whatever_the_latency(latency_s):
    for renewals in (0, 1):
        transport = at_once(200, Kind.UNAUTHORIZED, latency_s=latency_s, renewals=renewals)
        asked = [path for _, path, _ in transport.sent if path == CALL.path]
        assert len(asked) == min(2, renewals + 1)


@pytest.mark.parametrize("first", [Kind.TRANSIENT, Kind.UNKNOWN, Kind.GATEWAY, Kind.THROTTLED])
def test_until_the_vendor_has_done_something_one_call_is_under_way(first):
    transport = at_once(50, first, first, Kind.SUCCEEDED, latency_s=0.5)
    assert transport.under_way[:3] == [1, 1, 1]
    assert max(transport.under_way) > 5


def test_credentials_that_are_refused_later_go_alone_again():
    kinds = [Kind.SUCCEEDED] * 30 + [Kind.UNAUTHORIZED]
    transport = at_once(200, *kinds, latency_s=0.5)
    refused = [sent for sent in transport.sent if dict(sent[2].headers).get("authorization") == "2"]
    assert len(refused) == 1


@pytest.mark.parametrize("asked_s", [601.0, 86_400.0, 999_999_999.0])
def test_a_rest_that_nobody_waits_for_stops_it_at_once(asked_s):
    transport, _, stopped = answered(Outcome(Kind.THROTTLED, retry_after_s=asked_s))
    assert len(transport.sent) == 1
    assert (stopped.stop.exit_code, stopped.stop.code) == (75, "rest")
    assert f"{asked_s:,.0f} s" in stopped.stop.reason


def test_how_long_is_the_jobs_to_say():
    channel = Channel(Transport(), Pacer({POOL: 100.0}), Credential(), Policy(max_rest_s=7200.0))

    async def main():
        permit = await channel.permit(ASK)
        return [channel.obey(Step(cool_down=Rest(seconds)), permit) for seconds in (7200.0, 7201.0)]

    waited, stopped = run(main)
    assert waited is None
    assert stopped.reason == "the vendor asked for a rest of 7,201 s, and rate.max_rest is 7,200 s"


def test_a_vendor_that_is_busy_rests_the_pool_but_slows_nothing():
    pacer = Pacer({POOL: 100.0})
    channel = Channel(Transport(), pacer, Credential(), Policy())

    async def main():
        permit = await channel.permit(ASK)
        channel.obey(Step(cool_down=Rest(30.0, quota=False)), permit)
        limiter = pacer.limiters[POOL]
        return limiter.rest_until - asyncio.get_running_loop().time(), limiter.slowed, limiter.asked_s

    rest_s, slowed, asked_s = run(main)
    assert (round(rest_s), slowed, asked_s) == (30, False, 30.0)


def test_the_longest_rest_is_waited_for():
    transport, _, _ = answered(Outcome(Kind.THROTTLED, retry_after_s=600.0), DONE)
    (first, *_), (second, *_) = transport.sent
    assert second - first >= 600.0


LEARN = Learn("X-Left", "X-Reset")


def moments(headers, *, calls=6, learn=LEARN, wall=0.0):
    """When so many calls leave, one after another, of a pool of ten a second whose answers have these headers."""
    transport = Transport(latency_s=0.0)
    transport.headers = headers

    async def main() -> None:
        channel = Channel(
            transport, Pacer({POOL: 10.0}), Credential(), Policy(0), asyncio.get_running_loop().time,
            wall=lambda: wall, learns={POOL: learn},
        )  # fmt: skip
        for _ in range(calls):
            await channel.send(CALL, await channel.permit(ASK))

    run(main)
    first = transport.sent[0][0]
    return [at - first for at, _, _ in transport.sent]


def test_headers_that_say_what_is_left_slow_a_pool_down_and_never_speed_it_up():
    usual = moments({})
    assert moments({"x-left": "100", "x-reset": "1"}) == usual
    slower = moments({"x-left": "4", "x-reset": "2"})
    assert slower[-1] > 1.5 * usual[-1]
    gaps = [b - a for a, b in itertools.pairwise(slower)]
    assert all(gap >= 0.45 for gap in gaps[1:]), gaps


def test_a_pool_of_which_nothing_is_left_rests_until_it_is_whole_again():
    assert moments({"x-left": "0", "x-reset": "7"}, calls=2)[1] >= 7
    epoch = Learn("X-Left", "X-Reset", "epoch")
    assert moments({"x-left": "0", "x-reset": "1007"}, calls=2, learn=epoch, wall=1000.0)[1] >= 7
    assert 60 <= moments({"x-left": "0", "x-reset": "3600"}, calls=2)[1] < 62


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-left": "0"}, {"x-left": "none", "x-reset": "5"}, {"x-left": "0", "x-reset": "-5"},
     {"x-left": "nan", "x-reset": "5"}, {"x-left": "-1", "x-reset": "5"}, {"x-left": "0", "x-reset": "1e30"}],
)  # fmt: skip
def test_headers_that_make_no_sense_change_nothing(headers):
    assert moments(headers) == moments({})
