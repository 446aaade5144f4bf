"""What bulkim's own codes mean, what to do about them, and what follows from each kind of answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code, explained."""

    meaning: str
    remedy: str
    page: str = ""  # the vendor's page that says so
    follows: str = ""  # what bulkim does, as the rest of a sentence; a vendor's codes follow their kind
    continues: bool = False  # of a stop: nothing is to be mended, the same command simply goes on


@dataclass(frozen=True, slots=True)
class KindMeaning:
    """What a kind of answer (`bulkim.model.Kind`) means, and what bulkim does after it."""

    meaning: str
    follows: str  # "bulkim …"
    retried: bool = False  # the item is sent again by itself


_SKIPS = "does not send the item: it is skipped"
_ASKS = "asks what became of the items, or sends them again where that does no harm; what stays open ends as unknown"
_STOPS = "stops the run: what is left stays pending"
_REFUSES = "sends nothing"
_CONTINUE = "Run the same command again: it continues."

OWN: Mapping[str, Meaning] = {
    # An item that is never sent.
    "duplicate": Meaning(
        "The input names the user more than once.", "Nothing: the first row counts.", follows=_SKIPS
    ),
    "protected": Meaning(
        "The name matches one of `guard.protect`.", "Nothing, if it is meant to be safe.", follows=_SKIPS
    ),
    "invalid": Meaning(
        "The row cannot be sent: the vendor would refuse it, or take it for something else.",
        "Correct the row (the reason says what is wrong), then run the same job with --missing: that sends what is not done.",
        follows=_SKIPS,
    ),
    "removed": Meaning(
        "The item was taken out of the input, or protected, after the run began.",
        "Nothing, if it was taken out on purpose.",
        follows="does not send the item; one that was sent before is asked about",
    ),
    "changed": Meaning(
        "The saved plan has the item with other values than the input has now.",
        "Nothing, if it was changed on purpose: `bulkim plan JOB -o FILE` writes a plan that has it as it is now.",
        follows=_SKIPS,
    ),
    # A call without the vendor's verdict.
    "timeout": Meaning(
        "The vendor did not answer in time.",
        "Raise `timeout` if the vendor is slow; `bulkim retry RUN` sends again what ended as unknown.",
        follows=_ASKS,
    ),
    "connection": Meaning(
        "The connection broke, or there was none.",
        "Check base_url and the network; `bulkim retry RUN` sends again what ended as unknown.",
        follows="sends again what did not leave; " + _ASKS.replace("the items", "the rest"),
    ),
    "bad_response": Meaning(
        "The answer was not the vendor's: half of it, another format, or a gateway's page.",
        "Look for a proxy in between; `bulkim retry RUN` sends again what ended as unknown.",
        follows=_ASKS,
    ),
    # An item's end.
    "reconciled": Meaning(
        "The answer got lost; bulkim asked afterwards and found it done.",
        "Nothing: it is settled.",
        follows="counts the item as the vendor's state says",
    ),
    "rejected": Meaning(
        "The vendor refused the item and gave no code.",
        "Read the reason, if there is one; correct the row, then `bulkim retry`.",
        follows="does not try again: the item has failed",
    ),
    "not_imported": Meaning(
        "The vendor lists the user among those who were not imported, and gives no reason.",
        "Check the row's fields against `bulkim operations register`, then `bulkim retry`.",
        follows="does not try again: the item has failed",
    ),
    # Why a run stopped.
    "unauthorized": Meaning(
        "The credentials were refused, or no token could be had with them.",
        "Check the connection's `auth` and its clock, then run the same command again.",
        follows="renews the credentials once, then stops the run",
    ),
    "token_refused": Meaning(
        "The vendor gives no token for these credentials.",
        "Compare the connection's ids, its secret and its app with the vendor's console, then run the same command again: it continues.",
        follows="asks again once, then stops the run",
    ),
    "exhausted_plan": Meaning(
        "The vendor's plan allows no more.",
        "Raise it at the vendor, then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "fatal": Meaning(
        "The vendor refused in a way that concerns every item, and gave no code.",
        "Put right what the reason names, then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "max_failures": Meaning(
        "More items failed than `guard.max_failures` allows.",
        "`bulkim results RUN --outcome failed` shows them. Mend the cause. The failures of the whole run count, so to go on allow"
        " more of them for once: `--set guard.max_failures=N`.",
        follows=_STOPS,
    ),
    "streak": Meaning(
        "Very many items in a row failed with the same code: it is not the items.",
        "`bulkim explain` tells about the code; put right what it names, then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "max_items": Meaning(
        "More items would be sent than `guard.max_items` allows.",
        "Check the input or the listing's `where`. If so many are meant, raise `guard.max_items`; `--limit N` sends a part.",
        follows=_REFUSES,
    ),
    "guard": Meaning(
        "A guard stopped the run; the reason says which.",
        "Put right what the reason names, then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "no_token": Meaning(
        "No token could be fetched: the vendor did not answer.",
        "Check base_url and the network, then run the same command again: it continues.",
        follows="tries a few times, then stops the run",
    ),
    "journal_unwritten": Meaning(
        "The journal could not be written: the disk is full, or the file may not be changed.",
        "Make room, or give the right to write it, then run the same command again: it continues.",
        follows="sends nothing that it cannot write down first",
    ),
    "no_room": Meaning(
        "The machine has no more of what the program needs: disk, memory or open files.",
        "Make room, then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "input": Meaning(
        "The job or its input cannot be used; the reason names the place.",
        "Correct what the reason names, then run the same command again.",
        follows=_REFUSES,
    ),
    "terms": Meaning(
        "The run was begun with other terms than the job has now.",
        "Put the job back as it was, or begin another run with `--new`.",
        follows=_REFUSES,
    ),
    "plan_changed": Meaning(
        "The job is not what the saved plan was made of any more.",
        "Put back what the reason names, or write the plan again with `bulkim plan JOB -o FILE`.",
        follows=_REFUSES,
    ),
    "plan_expired": Meaning(
        "The saved plan has expired: users may have changed since it was written.",
        "Write it again with `bulkim plan JOB -o FILE`, then run that file.",
        follows=_REFUSES,
    ),
    "unconfirmed": Meaning(
        "What destroys was not confirmed, or with another number of items.",
        "Look at the number, then confirm it with `--confirm APP:COUNT`.",
        follows=_REFUSES,
    ),
    "declined": Meaning(
        "Whoever was asked said no.", "Nothing, if it was meant so.", follows=_REFUSES
    ),
    "usage": Meaning(
        "The command cannot be carried out as typed.",
        "Read the reason; `bulkim run --help` shows examples.",
        follows=_REFUSES,
    ),
    "impossible": Meaning(
        "The vendor has no way to do it, or no safe one.",
        "Read the reason; `bulkim operations` lists what can be done.",
        follows=_REFUSES,
    ),
    "journal": Meaning(
        "The journal cannot be read or written.",
        "Put right what the reason names, then run the same command again.",
        follows=_REFUSES,
    ),
    "outside_window": Meaning(
        "It is none of the hours of the job's `window`.",
        _CONTINUE.replace("again", "in the window"),
        follows="sends nothing outside of the window",
        continues=True,
    ),
    "busy": Meaning(
        "Another process is working on this run.",
        "Nothing: it goes on. `bulkim watch RUN` shows it.",
        follows="never lets two processes work on one run",
        continues=True,
    ),
    "interrupted": Meaning(
        "The program was ended while it worked.", _CONTINUE, follows=_STOPS, continues=True
    ),
    "internal": Meaning(
        "bulkim met what it did not foresee: a bug.",
        "Report it, with the log of `-v` or of the worker; then run the same command again, or `bulkim fleet resume RUN`.",
        follows=_STOPS,
    ),
    "asked": Meaning(
        "The program that called bulkim asked the run to stop.",
        "Call it again: it continues.",
        follows=_STOPS,
        continues=True,
    ),
    "ctl": Meaning(
        "Somebody asked the run to stop with `bulkim ctl`.",
        "Run the same command again: it continues.",
        follows=_STOPS,
        continues=True,
    ),
    "rest": Meaning(
        "The vendor asked for a longer rest than `rate.max_rest` allows.",
        "Run the same command again when that time is over: it continues. If it was a slip of the vendor's: `bulkim quota --forget POOL`.",
        follows=_STOPS,
        continues=True,
    ),
    "canary": Meaning(
        "Items among the first `guard.canary` failed.",
        "Look at their codes before you go on; then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "gateway": Meaning(
        "Answer after answer came from something that is not the vendor: a load balancer, a proxy, a portal that wants a"
        " login. What it says is no verdict about users.",
        "The reason quotes it. Check base_url and what stands between; then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "redirect": Meaning(
        "The server at base_url sends its callers to another address.",
        "The reason names it. If it is the vendor's, set base_url to it; bulkim never sends credentials anywhere else.",
        follows=_STOPS,
    ),
    "window": Meaning("The job's `window` has closed.", _CONTINUE.replace("again", "in the window"), follows=_STOPS,
                      continues=True),
    "journal_lost": Meaning(
        "The journal was removed, moved or replaced while the run went on.",
        "Put back the file that the reason names, then run the same command again: it continues.",
        follows=_STOPS,
    ),
    "max_duration": Meaning("The time given by `--max-duration` is over.", _CONTINUE, follows=_STOPS, continues=True),
}  # fmt: skip

KINDS: Mapping[str, KindMeaning] = {
    "succeeded": KindMeaning("done", "counts the item as succeeded"),
    "already": KindMeaning("it was so before", "counts the item as unchanged"),
    "absent": KindMeaning("the user is not there", "counts the item as unchanged when deleting, as failed otherwise"),
    "rejected": KindMeaning("refused for the item's own sake", "does not try again: the item has failed"),
    "poisoned": KindMeaning(
        "refused because of another item", "takes the request apart until the item at fault is found", retried=True
    ),
    "throttled": KindMeaning(
        "refused for the quota", "slows down and sends it again; this is not counted as an attempt", retried=True
    ),
    "transient": KindMeaning("passing failure", "tries again, later and later", retried=True),
    "unknown": KindMeaning(
        "no trustworthy answer",
        "treats it as unanswered: it asks what was done, or sends again where that does no harm; what stays open ends as unknown",
    ),
    "unauthorized": KindMeaning("credentials refused", "renews the credentials once, then stops the run"),
    "exhausted_plan": KindMeaning("the plan is used up", "stops the run: it is resumable"),
    "gateway": KindMeaning(
        "refused before it reached the vendor", "tries again, and stops the run after a few", retried=True
    ),
    "fatal": KindMeaning("nothing of the run can succeed", "stops the run: it is resumable"),
}  # fmt: skip

# What follows from an answer that leaves open what was done, by what the operation says of that.
UNANSWERED: Mapping[str, str] = {
    "repeat": "sends again, because this operation may be repeated without harm; after the last try the item ends as unknown",
    "probe": "asks what was done before it sends anything again; what asking does not tell ends as unknown",
    "nobody": "asks about each user whom it expected to meet before it goes on; what asking does not tell ends as unknown",
    "never": "cannot ask what was done, and does not risk doing it twice: the item ends as unknown",
}
# What to do about an item that has ended so.
ENDED_UNKNOWN: Mapping[str, str] = {
    "repeat": "`bulkim retry RUN` sends it again, which does no harm here.",
    "probe": "`bulkim retry RUN` sends it again, whatever became of the first request.",
    "never": "Look at the vendor whether it was done: `bulkim retry RUN` sends it again, and may do it twice.",
    "nobody": "`bulkim verify RUN` asks what became of it; there is no retry, for that would take other users.",
}

# Settled by sending again, at an operation that may be repeated.
REPEATED = "The answer got lost; bulkim sent it again and found it done."

LOST = "the process died before the answer"  # of a call that has no kind, because nobody was there to see it


def of_status(code: str) -> Meaning | None:
    """An answer that says nothing else has its HTTP status for a code; None for any other code."""
    if not re.fullmatch(r"[1-5]\d\d", code):
        return None
    again = code.startswith("5") or code in {"408", "429"}
    return Meaning(
        "The vendor, or a gateway before it, answered with this HTTP status and said nothing else that is known.",
        "`bulkim retry` sends it again."
        if again
        else "Check base_url, and look for a gateway or proxy in between.",
        follows=_ASKS,
    )


def own(code: str) -> Meaning | None:
    """What a code means that is bulkim's, not the vendor's; None: it is not ours."""
    return OWN.get(code) or of_status(code)


REHEARSED = "A rehearsal is not continued: the same command begins another one."


def continues(code: str | None) -> bool:
    """Whether a run that stopped with this code goes on by the same command, with nothing to mend before; None: no code at all."""
    return code is None or (code in OWN and OWN[code].continues)
