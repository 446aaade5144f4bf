"""Which fault, if any, a call meets: the rules in force and how often each has matched and fired."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bulkim.sandbox.fault_rules import Fault, Rule, parse_rules


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a rule can look at."""

    method: str
    path: str
    operation: str
    app: str
    provider: str
    users: Sequence[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What goes wrong with one call."""

    end: Fault | None = None  # how the call ends, if not well
    delay_before_s: float = 0.0
    delay_after_s: float = 0.0
    item_faults: tuple[Callable[[str], Fault | None], ...] = ()

    def item_fault(self, user: str) -> Fault | None:
        """The fault of one item of the call; asked once an item."""
        for ask in self.item_faults:
            fault = ask(user)
            if fault is not None:
                return fault
        return None


NO_FAULT = Verdict()


class FaultBook:
    """The rules in force and how often each has matched and fired."""

    def __init__(self, rules: object = ()) -> None:
        self._rules = [_LiveRule(rule) for rule in parse_rules(rules)]

    def notes(self) -> list[str]:
        """Which rules leave whom alone, for whoever wrote them."""
        said = ((number, live.rule.note) for number, live in enumerate(self._rules, start=1))
        return [f"rule {number}: {note}" for number, note in said if note]

    def judge(self, facts: CallFacts) -> Verdict:
        if not self._rules:
            return NO_FAULT
        end: Fault | None = None
        delays = {"before": 0.0, "after": 0.0}
        item_faults: list[Callable[[str], Fault | None]] = []
        for live in self._rules:
            fault = live.rule.fault
            if (end is not None and fault.kind not in ("delay", "item_error")) or not live.matches(facts):
                continue
            if fault.kind == "item_error":
                item_faults.append(live.item_fault)
            elif live.fires(""):
                if fault.kind == "delay":
                    delays[fault.when] += fault.seconds
                else:
                    end = fault
        return Verdict(end, delays["before"], delays["after"], tuple(item_faults))


class _LiveRule:
    """A rule with its counters. They are kept per user for item errors, and once (for "") for all others."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._matched: Counter[str] = Counter()
        self._fired: Counter[str] = Counter()
        self._random = random.Random(rule.seed)

    def matches(self, facts: CallFacts) -> bool:
        rule = self.rule
        return (
            facts.provider in rule.vendors
            and (rule.method is None or rule.method == facts.method)
            and (rule.operation is None or rule.operation == facts.operation)
            and (rule.app is None or rule.app == facts.app)
            and (rule.path is None or rule.path.search(facts.path) is not None)
            and (rule.user is None or any(rule.user.fullmatch(user) for user in facts.users))
        )

    def fires(self, counted_for: str) -> bool:
        rule = self.rule
        self._matched[counted_for] += 1
        if self._matched[counted_for] <= rule.after:
            return False
        if rule.times is not None and self._fired[counted_for] >= rule.times:
            return False
        if rule.probability is not None and self._random.random() >= rule.probability:
            return False
        self._fired[counted_for] += 1
        return True

    def item_fault(self, user: str) -> Fault | None:
        rule = self.rule
        concerned = rule.fault.user.fullmatch(user) and (rule.user is None or rule.user.fullmatch(user))
        return rule.fault if concerned and self.fires(user) else None
