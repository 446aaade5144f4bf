"""What a change means for a run that was begun before it: a row for every key of the job file and every option.

This is data. `bulkim.planning.terms` compares by it, the table in the docs is made from it, and a test fails for a key or
an option without a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Means(StrEnum):
    """What follows when a term is not what it was."""

    REFUSED = "refused"  # put it back, or --new
    GUARD = "guard"  # stricter: holds for what is pending; laxer: taken over
    TAKEN_OVER = "taken over"  # and said in one line
    CONFIRMED = "confirmed"  # who agreed to what, and whether that is enough
    JOB = "job"  # it is another job, or another run: nothing is compared
    INPUT = "input"  # compared row by row, see `bulkim.planning.intake`
    SESSION = "session"  # of this command, never of the run
    KEY = "key"  # means what the key that it sets means


class Scope(StrEnum):
    """On which ways back to a run a term counts."""

    TARGET = "target"  # continuing, retrying, verifying
    DEED = "deed"  # continuing, retrying
    INPUT = "input"  # continuing; retrying where the input is read again, for its secrets
    RUN = "run"  # continuing only: a retry is a run of its own


@dataclass(frozen=True, slots=True)
class Rule:
    """What a change of one key, or of one option, means."""

    key: str  # dotted, as in --set; an option with its dashes
    means: Means
    term: str = ""  # what is compared; "": nothing of it is written down
    scope: Scope = Scope.RUN
    below: bool = False  # holds for the keys below it, too
    note: str = ""  # for the docs, where it is not plain


_TARGET = "the app"
_COLUMNS = "it changes what is sent"

JOB_FILE: tuple[Rule, ...] = (
    Rule("name", Means.JOB, note="another name is another job"),
    Rule("provider", Means.REFUSED, "provider", Scope.TARGET),
    Rule("operation", Means.REFUSED, "operation", Scope.DEED),
    Rule("params", Means.REFUSED, "params", Scope.DEED, below=True),
    # ---- where it goes
    Rule(
        "connection",
        Means.REFUSED,
        "app",
        Scope.TARGET,
        note="by name or written out: the same if host and app are the same",
    ),
    Rule("connection.base_url", Means.REFUSED, "base_url", Scope.TARGET),
    Rule("connection.org", Means.REFUSED, "app", Scope.TARGET),
    Rule("connection.app", Means.REFUSED, "app", Scope.TARGET),
    Rule("connection.app_id", Means.REFUSED, "app", Scope.TARGET),
    Rule("connection.sdk_app_id", Means.REFUSED, "app", Scope.TARGET),
    Rule("connection.auth", Means.TAKEN_OVER, "auth", below=True, note="secrets are not written down"),
    Rule(
        "connection.environment",
        Means.CONFIRMED,
        "environment",
        note="`production` now and not before: what is pending needs `--confirm`",
    ),
    Rule("connection.allow_http", Means.TAKEN_OVER, "allow_http"),
    # ---- whom it is about
    Rule("source", Means.REFUSED, "source.kind", Scope.INPUT),
    Rule(
        "source.csv",
        Means.REFUSED,
        "source.place",
        Scope.INPUT,
        note="the place; its rows may change",
    ),
    Rule("source.text", Means.REFUSED, "source.place", Scope.INPUT),
    Rule("source.jsonl", Means.REFUSED, "source.place", Scope.INPUT),
    Rule("source.items", Means.INPUT, note="rows of the input"),
    Rule("source.columns", Means.REFUSED, "source.columns", Scope.INPUT, below=True, note=_COLUMNS),
    Rule("source.encoding", Means.REFUSED, "source.encoding", Scope.INPUT, note=_COLUMNS),
    Rule("source.delimiter", Means.REFUSED, "source.delimiter", Scope.INPUT, note=_COLUMNS),
    Rule("source.trim", Means.REFUSED, "source.trim", Scope.INPUT, note=_COLUMNS),
    Rule("source.listing", Means.REFUSED, "source.listing", Scope.INPUT),
    Rule("source.where", Means.REFUSED, "source.where", Scope.INPUT, below=True,
         note="the moment that an age like `7d` means is fixed when the run begins"),
    Rule("source.run", Means.REFUSED, "source.run", Scope.INPUT,
         note="the run that a name or `last` meant is fixed when the run begins"),
    Rule("source.outcome", Means.REFUSED, "source.outcome", Scope.INPUT),
    Rule("source.code", Means.REFUSED, "source.code", Scope.INPUT),
    # ---- how fast
    Rule("rate", Means.TAKEN_OVER, "rate.limit"),
    Rule("rate.limit", Means.TAKEN_OVER, "rate.limit"),
    Rule("rate.share", Means.TAKEN_OVER, "rate.share"),
    Rule("rate.pools", Means.TAKEN_OVER, "rate.pools", below=True),
    Rule("rate.max_rest", Means.TAKEN_OVER, "rate.max_rest"),
    Rule("concurrency", Means.TAKEN_OVER, "concurrency"),
    Rule("timeout", Means.TAKEN_OVER, "timeout"),
    Rule("retries", Means.TAKEN_OVER, "retries"),
    Rule("batch", Means.TAKEN_OVER, "batch"),
    Rule("snapshot", Means.REFUSED, "snapshot", Scope.RUN, note="some users would have been looked at, and others not"),
    Rule("window", Means.TAKEN_OVER, "window", below=True),
    Rule("notify", Means.TAKEN_OVER, "notify", below=True, note="the address is not written down"),
    # ---- safety
    Rule("guard", Means.GUARD, "guard.protect"),
    Rule("guard.protect", Means.GUARD, "guard.protect",
         note="from whatever source"),
    Rule("guard.max_items", Means.GUARD, "guard.max_items", note="judges what is left to send"),
    Rule("guard.max_failures", Means.TAKEN_OVER, "guard.max_failures"),
    Rule("guard.canary", Means.TAKEN_OVER, "guard.canary"),
)  # fmt: skip

OPTIONS: tuple[Rule, ...] = (
    Rule("--set", Means.KEY, "changes", note="as if the file said so"),
    Rule("--limit", Means.REFUSED, "limit"),
    Rule("--missing", Means.REFUSED, "missing"),
    Rule("--outcome", Means.REFUSED, "selection"),
    Rule("--code", Means.REFUSED, "selection"),
    Rule("--changed", Means.REFUSED, "selection"),
    Rule("--new", Means.JOB, note="begins another run"),
    Rule("--continue", Means.JOB, note="names the run to continue, from wherever the job file is now"),
    Rule("--job", Means.JOB, note="where the job file is now"),
    Rule("--sandbox", Means.JOB, note="rehearsals and real runs never continue each other"),
    Rule("--journal", Means.JOB, note="another journal has other runs"),
    Rule("--yes", Means.CONFIRMED, note="needed by each command"),
    Rule("--confirm", Means.CONFIRMED, "confirmed",
         note="written into the run; holds as long as what was sent and what is left stay within its count"),
    Rule("--confirm-plan", Means.CONFIRMED, note="written into the run; holds for the whole plan"),
    Rule("--accept-removals", Means.INPUT, note="needed by each command"),
    *(
        Rule(option, Means.SESSION)
        for option in (
            "--max-duration", "--metrics-file", "--progress", "--json", "--quiet", "--verbose", "--log-format", "--log-file",
        )
    ),
)  # fmt: skip

BEYOND: tuple[Rule, ...] = (  # what no key names
    Rule("the provider's own text", Means.REFUSED, "provider.text", Scope.TARGET,
         note="of a vendor that is declared in a file"),
    Rule("a saved plan", Means.REFUSED, "plan", note="a run that began by a plan goes on by it"),
    Rule("a saved plan's place", Means.SESSION, "plan.place"),
)  # fmt: skip

RULES: tuple[Rule, ...] = (*JOB_FILE, *OPTIONS, *BEYOND)

WORDS = {
    Means.REFUSED: "refused",
    Means.GUARD: "stricter: holds for what is pending; laxer: taken over",
    Means.TAKEN_OVER: "taken over",
    Means.CONFIRMED: "",
    Means.JOB: "",
    Means.INPUT: "",
    Means.SESSION: "belongs to the command, never to the run",
    Means.KEY: "",
}


def rule_of(key: str) -> Rule | None:
    """The row of a key: its own, or that of a key above which speaks for all below it."""
    by_key = {each.key: each for each in RULES}
    if key in by_key:
        return by_key[key]
    above = key
    while "." in above:
        above = above.rpartition(".")[0]
        if above in by_key:
            return by_key[above] if by_key[above].below else None
    return None


def rule_of_term(term: str) -> Rule:
    """The row by which a term is compared: the last that names it, which is the most particular."""
    return next(each for each in reversed(RULES) if each.term == term)


def in_a_retry(rule: Rule) -> str:
    """What a change since the retried run means for a retry, as the docs' table says it."""
    if rule.means is not Means.REFUSED:
        return ""
    where = {
        Scope.TARGET: "refused",
        Scope.DEED: "refused",
        Scope.INPUT: "refused where the input is read again",
    }
    return where.get(rule.scope, "another retry")


def words(rule: Rule) -> str:
    """What a change means, as the docs' table says it."""
    return "; ".join(filter(None, (WORDS[rule.means], rule.note)))
