"""What follows from an answer: a pure function from outcomes to a `Decision`.

Throttling, renewed credentials and narrowing down are not counted as attempts. What may have been done is never sent again before
the operation's declared way of settling doubt allows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from bulkim.catalogue.shapes import Never, Operation, Probe, Repeat
from bulkim.model import (
    Again,
    Answer,
    Batch,
    Decision,
    Final,
    Item,
    Kind,
    Mode,
    Outcome,
    Rest,
    Speaker,
    Status,
    Stop,
)
from bulkim.sending import doubt, gateway

PEELS = 3  # culprits named one after another, before a call is taken apart into singles

Member = tuple[Item, Outcome]


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long after. Delays are full jitter: anything from 0 to base * 2**n, at most cap."""

    retries: int = 5
    base_s: float = 0.5
    cap_s: float = 30.0
    max_rest_s: float = 600.0  # a vendor that asks for a longer one stops the run

    def delay_s(self, tries: int, jitter: float) -> float:
        """Seconds before the next sending, after `tries` sendings; `jitter` is in [0, 1)."""
        return jitter * min(self.cap_s, self.base_s * 2.0**tries)


def decide(
    operation: Operation,
    batch: Batch,
    answer: Answer,
    *,
    policy: Policy,
    began_at: float,
    now: float,
    poisoned: int = 0,
    gateways: int = 0,
    met: bool = False,
    jitter: float = 1.0,
) -> Decision:
    """What follows from `answer`.

    `operation` is the run's (also for a probe). The batch's items and `tries` already count this sending. `began_at`
    and `now` are Unix seconds; `poisoned` is how many calls of the batch's family were refused for one item, this one
    included; `gateways` how many answers in a row were something else's than the vendor's, this one included; `met`
    is whether the vendor itself has answered in this session; `jitter` is in [0, 1).
    """
    # A 413 after other answers judges this call's size, whoever gives it: a smaller call may pass.
    too_large = met and answer.http_status == 413
    judgement = _Judgement(operation, batch, answer, policy, began_at, now, poisoned, jitter, too_large)
    groups: dict[Kind, list[Member]] = {}
    for item, outcome in zip(batch.items, answer.outcomes, strict=True):
        judged = outcome if batch.mode is Mode.PROBE else doubt.after_doubt(operation, item, outcome)
        groups.setdefault(judged.kind, []).append((item, judged))
    for kind, members in groups.items():
        if batch.mode is Mode.PROBE:
            judgement.probed(kind, members)
        else:
            judgement.sent(kind, members)
    if answer.speaker is Speaker.GATEWAY and not judgement.stop and not too_large:
        spent = judgement.exhausted if batch.mode is Mode.SEND else judgement.asked_enough
        if stop := gateway.stop(batch, answer, gateways=gateways, spent=spent):
            judgement.end(stop, gateway.left(batch, answer, began_at))
    return judgement.decision()


@dataclass(slots=True)
class _Judgement:
    """One call's decision in the making: the case, then what was concluded so far."""

    operation: Operation
    batch: Batch
    answer: Answer
    policy: Policy
    began_at: float
    now: float
    poisoned: int
    jitter: float
    too_large: bool

    final: list[Final] = field(default_factory=list)
    again: list[Again] = field(default_factory=list)
    doubtful: list[Item] = field(default_factory=list)
    cool_down: Rest | None = None
    renew: bool = False
    stop: Stop | None = None

    def decision(self) -> Decision:
        return Decision(
            tuple(self.final),
            tuple(self.again),
            tuple(self.doubtful),
            self.cool_down,
            self.renew,
            self.stop,
        )

    @property
    def exhausted(self) -> bool:
        return self.batch.tries > self.policy.retries

    @property
    def asked_enough(self) -> bool:
        return self.batch.probes >= self.policy.retries

    def end(self, stop: Stop, left: Again) -> None:
        """The run ends here, and no item with it."""
        self.stop, self.final, self.again = stop, [], [left]

    def sent(self, kind: Kind, members: Sequence[Member]) -> None:
        """Conclude from what a sending answered for these items."""
        match kind:
            case Kind.SUCCEEDED | Kind.ALREADY | Kind.ABSENT | Kind.REJECTED:
                self.final += [self._ended(item, outcome) for item, outcome in members]
            case Kind.POISONED:
                self._narrow(members)
            case Kind.GATEWAY if self.too_large:
                self.final += [_final(item, Status.FAILED, outcome) for item, outcome in members]
            case Kind.TRANSIENT | Kind.GATEWAY if not self.exhausted or self._too_long(members):
                self._heed(members)
                self._again(members, delay_s=self._delay_s(members, self.batch.tries))
            case Kind.TRANSIENT if members[0][1].code in {"connection", "timeout"}:
                self.stop = _unreachable(self.batch, members[0][1])
            case Kind.TRANSIENT | Kind.GATEWAY:
                self.final += [_final(item, Status.FAILED, outcome) for item, outcome in members]
            case Kind.UNKNOWN:
                self._doubt(members)
            case Kind.THROTTLED | Kind.UNAUTHORIZED | Kind.EXHAUSTED_PLAN | Kind.FATAL:
                self._refused(kind, members)
            case _:
                assert_never(kind)

    def probed(self, kind: Kind, members: Sequence[Member]) -> None:
        """Conclude from what a probe answered: done by us, so before, or not done (then it is sent again)."""
        match kind:
            case Kind.SUCCEEDED | Kind.ALREADY | Kind.ABSENT | Kind.REJECTED:
                for item, outcome in members:
                    self._settle(item, outcome)
            case Kind.UNKNOWN | Kind.TRANSIENT | Kind.POISONED | Kind.GATEWAY if self.asked_enough:
                for item, outcome in members:
                    reason = f"asking did not settle it: {outcome.reason}"
                    self.final.append(_final(item, Status.UNKNOWN, replace(outcome, reason=reason)))
            case Kind.UNKNOWN | Kind.TRANSIENT | Kind.POISONED | Kind.GATEWAY:
                self._heed(members)
                delay_s = self._delay_s(members, self.batch.probes)
                batch = replace(self.batch, probes=self.batch.probes + 1)
                if kind is Kind.POISONED:
                    self.again += [Again(batch.of((item,)), delay_s) for item, _ in members]
                else:
                    self.again.append(Again(batch.of([item for item, _ in members]), delay_s))
            case Kind.THROTTLED | Kind.UNAUTHORIZED | Kind.EXHAUSTED_PLAN | Kind.FATAL:
                self._refused(kind, members)
            case _:
                assert_never(kind)

    def _ended(self, item: Item, outcome: Outcome) -> Final:
        status = doubt.final(self.operation, outcome)
        return _final(item, Status.UNKNOWN if status is None else status, outcome)

    def _settle(self, item: Item, outcome: Outcome) -> None:
        result = doubt.settled(
            self.operation, item, outcome, server_time=self.answer.server_time, now=self.now
        )
        if result is not None:
            self.final.append(self._ended(item, result))
        elif item.removed:
            gone = replace(
                outcome, code="removed", reason="removed from the input or protected, and not done when asked"
            )
            self.final.append(_final(item, Status.SKIPPED, gone))
        elif self.exhausted:
            given_up = replace(outcome, reason="sent without an answer, and not seen to be done when asked")
            self.final.append(_final(item, Status.UNKNOWN, given_up))
        else:
            self.again.append(Again(Batch((item,), tries=self.batch.tries), regroup=True))

    def _doubt(self, members: Sequence[Member]) -> None:
        """It may have been done. The journal learns that first; then the operation's way of settling it."""
        self._heed(members)
        marked = [item._replace(doubt_since=item.doubt_since or self.began_at) for item, _ in members]
        delay_s = self._delay_s(members, self.batch.tries)
        match self.operation.doubt:
            case Probe():
                self.doubtful += marked
                self.again.append(Again(self.batch.of(marked, mode=Mode.PROBE, probes=0), delay_s))
            case Repeat() if not self.exhausted:
                self.doubtful += marked
                self.again.append(Again(self.batch.of(marked), delay_s))
            case Repeat() | Never():
                pairs = zip(marked, members, strict=True)
                self.final += [_final(item, Status.UNKNOWN, outcome) for item, (_, outcome) in pairs]
            case _:
                assert_never(self.operation.doubt)

    def _refused(self, kind: Kind, members: Sequence[Member]) -> None:
        """Nothing was done, and not because of these items."""
        outcome = members[0][1]
        if kind is Kind.THROTTLED:  # the pool rests, so the batch has no delay of its own
            self.cool_down = _longer(self.cool_down, _rest(outcome))
            self._again(members, free=True)
        elif kind is Kind.UNAUTHORIZED and not self.batch.refreshed:
            self.renew = True
            self.cool_down = _longer(self.cool_down, _lock_out(outcome))
            self._again(members, free=True, refreshed=True)
        else:
            self.stop = _refusal(kind, outcome)

    def _again(
        self, members: Sequence[Member], *, delay_s: float = 0.0, free: bool = False, refreshed: bool = False
    ) -> None:
        batch = replace(self.batch, refreshed=refreshed)
        items = [item for item, _ in members]
        self.again.append(Again(_taken_back(batch, items) if free else batch.of(items), delay_s))

    def _narrow(self, members: Sequence[Member]) -> None:
        """Find the culprit among the items of a refused call.

        A named culprit has its own outcome already, so the rest goes again in one call. Otherwise halves: one culprit
        in 60 costs 13 calls. More refusals in the family than the one path to a single culprit explains: singles.
        A call that was too large as a whole (413) is halved without looking for anybody.
        """
        if len(self.batch) == 1:
            self.final += [_final(item, Status.FAILED, outcome) for item, outcome in members]
            return
        batch = _taken_back(self.batch, [item for item, _ in members])
        named = len(batch) < len(self.batch)
        if self.answer.http_status == 413:
            self.again += [Again(batch.of(part)) for part in _halves(batch.items)]
            return
        batch = replace(batch, depth=batch.depth + 1)
        if self.poisoned > self.batch.depth + 1 or (named and self.batch.depth >= PEELS):
            self.again += [Again(batch.of((item,))) for item in batch.items]
        elif named:
            self.again.append(Again(batch))
        else:
            self.again += [Again(batch.of(part)) for part in _halves(batch.items)]

    def _heed(self, members: Sequence[Member]) -> None:
        """Whoever answers 503 and says after how long to come back means everybody, as with a 429."""
        for _, outcome in members:
            self.cool_down = _longer(self.cool_down, _asked(outcome))

    def _too_long(self, members: Sequence[Member]) -> bool:
        """Whether the vendor asks for a rest that ends the run: then nobody has used up their tries."""
        return any((outcome.retry_after_s or 0.0) > self.policy.max_rest_s for _, outcome in members)

    def _delay_s(self, members: Sequence[Member], tries: int) -> float:
        asked_s = max((outcome.retry_after_s or 0.0 for _, outcome in members), default=0.0)
        return max(min(asked_s, self.policy.max_rest_s), self.policy.delay_s(tries, self.jitter))


def _rest(outcome: Outcome) -> Rest:
    """After a refusal for the quota. A vendor that says "after 0 s" has not said when."""
    return Rest(outcome.retry_after_s or None)


def _asked(outcome: Outcome) -> Rest | None:
    """What a vendor asks for that is busy or broken: that says nothing of the quota."""
    return Rest(outcome.retry_after_s, quota=False) if outcome.retry_after_s else None


def _lock_out(outcome: Outcome) -> Rest | None:
    """Some vendors lock out for a while whoever signed wrongly."""
    return Rest(outcome.retry_after_s) if outcome.retry_after_s else None


def _longer(one: Rest | None, other: Rest | None) -> Rest | None:
    return max(filter(None, (one, other)), key=lambda rest: rest.seconds or 0.0, default=None)


def _taken_back(batch: Batch, items: Sequence[Item]) -> Batch:
    """The batch as before this call, which did nothing and cost nothing."""
    if batch.mode is Mode.PROBE:
        return batch.of(items)
    return batch.of([item._replace(attempts=item.attempts - 1) for item in items], tries=batch.tries - 1)


def _halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    middle = (len(items) + 1) // 2
    return [part for part in (items[:middle], items[middle:]) if part]


def _final(item: Item, status: Status, outcome: Outcome) -> Final:
    return Final(item, status, outcome.code, outcome.reason, outcome.data)


def _unreachable(batch: Batch, outcome: Outcome) -> Stop:
    reason = f"{batch.tries} tries in a row did not reach the vendor: {outcome.reason}"
    return Stop(
        4,
        outcome.code or "connection",
        reason,
        f"check the network, then run the same again; {gateway.ELSEWHERE}",
    )


def _refusal(kind: Kind, outcome: Outcome) -> Stop:
    code, reason = outcome.code or str(kind), outcome.reason or "the vendor gave no reason"
    match kind:
        case Kind.UNAUTHORIZED:
            hint = "check the connection's auth: these credentials were refused twice"
        case Kind.EXHAUSTED_PLAN:
            hint = "the plan's allowance is used up: raise it at the vendor, then run the same again"
        case _ if code == "redirect":
            hint = "if that is the vendor's address, set base_url to it and run it with --new"
        case _:
            hint = "no item of this run can succeed until this is put right; then run the same again"
    return Stop(6, code, reason, hint)


def reopened(operation: Operation, items: Sequence[Item]) -> Decision:
    """What follows for items that an earlier session left in doubt, before anything else is sent."""
    match operation.doubt:
        case Probe() if items:
            return Decision(again=(Again(Batch(tuple(items), Mode.PROBE, tries=1)),))
        case Repeat() if items:
            lost = Outcome(
                Kind.UNKNOWN, "removed", "sent without an answer, then removed from the input or protected"
            )
            gone = [_final(item, Status.UNKNOWN, lost) for item in items if item.removed]
            kept = tuple(item for item in items if not item.removed)
            return Decision(final=tuple(gone), again=(Again(Batch(kept)),) if kept else ())
        case Never():
            lost = Outcome(Kind.UNKNOWN, "connection", "sent without an answer; nothing can tell what it did")
            return Decision(final=tuple(_final(item, Status.UNKNOWN, lost) for item in items))
        case _:
            return Decision()


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from the answer to a call that carries no items (a page of a listing)."""

    free: bool = False  # the try is not counted as an attempt
    delay_s: float = 0.0
    cool_down: Rest | None = None
    renew: bool = False
    stop: Stop | None = None


def step(outcome: Outcome, *, tries: int, refreshed: bool, policy: Policy, jitter: float) -> Step:
    """Like `decide`, for an outcome that is no answer to such a call; `tries` counts this one."""
    match outcome.kind:
        case Kind.THROTTLED:
            return Step(free=True, cool_down=_rest(outcome))
        case Kind.UNAUTHORIZED if not refreshed:
            return Step(free=True, renew=True, cool_down=_lock_out(outcome))
        case Kind.GATEWAY if tries >= gateway.ANSWERS_MAX or tries > policy.retries:
            return Step(stop=gateway.stopped(outcome, tries))
        case Kind.TRANSIENT | Kind.UNKNOWN | Kind.GATEWAY if tries <= policy.retries:
            delay_s = max(min(outcome.retry_after_s or 0.0, policy.max_rest_s), policy.delay_s(tries, jitter))
            return Step(delay_s=delay_s, cool_down=_asked(outcome))
        case Kind.TRANSIENT | Kind.UNKNOWN:
            reason = f"{tries} tries in a row got no answer: {outcome.reason}"
            return Step(stop=Stop(4, outcome.code or "bad_response", reason, "run the same again later"))
        case _:
            return Step(stop=_refusal(outcome.kind, outcome))
