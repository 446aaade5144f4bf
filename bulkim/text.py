"""Numbers, times and names as people read them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence


def counted(number: int, noun: str) -> str:
    """``1 item``, ``8,120 items``."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def per_second(value: float) -> str:
    """A rate, and the limit that it is held against: 1,200, 83, 12.5, 0.58."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


# ----------------------------------------------------------------------------------------- durations


def clock(seconds: float | None) -> str:
    """0:07, 12:30 or 3:05:00: for what goes on and changes."""
    if seconds is None:
        return "-"
    whole = int(seconds + 0.5)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def duration(seconds: float) -> str:
    """4.2 s, or 12:30 from a minute on: for what is over."""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def span(seconds: float) -> str:
    """40 s, 12 min, 3 h 05, 2 d 4 h: for axes and gaps, where a rough number does."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02}" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def milliseconds(value: float) -> str:
    """A latency: 0.4 ms, 42 ms, 1.3 s."""
    if value >= 1000:
        return f"{value / 1000:.3g} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


# ------------------------------------------------------------------------------------------- moments


def utc(at: float, form: str | None = None) -> str:
    """Unix seconds in UTC: for programs ISO 8601 to the millisecond, or in another form."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime(form) if form else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: float, form: str) -> str:
    """Unix seconds for people, by this host's time zone."""
    from datetime import datetime

    return datetime.fromtimestamp(at).astimezone().strftime(form)


def moments(ats: Sequence[float], form: str) -> tuple[str, list[str]]:
    """A column of moments by this host's clock: its zone for the header, and the cells.

    Where summer time begins or ends between them, each cell has its own zone and the header none.
    """
    zones = {local(at, "%Z") for at in ats}
    if len(zones) == 1:
        return f" ({zones.pop()})", [local(at, form) for at in ats]
    return "", [local(at, f"{form} %Z") for at in ats]


MOMENT = "%Y-%m-%d %H:%M:%S"
TO_THE_MINUTE = "%Y-%m-%d %H:%M"
WITH_ZONE = f"{MOMENT} %Z"
CLOCK_WITH_ZONE = "%H:%M:%S %Z"

# -------------------------------------------------------------------------------------------- rows

LABEL = 13  # columns of a name before its value


def resting(until: float, asked_s: float) -> str:
    """That a vendor asked for a rest. `until`: Unix seconds."""
    form = CLOCK_WITH_ZONE if asked_s < 86400 else WITH_ZONE
    return f"resting until {local(until, form)}: the vendor asked for {asked_s:,.0f} s"


def labelled(name: str, value: str, width: int, indent: int = 0) -> list[tuple[str, str]]:
    """A name and its value in so many columns, line by line: the name stands before the first line only.

    Nothing that is copied (a URL, a pattern) is broken.
    """
    import textwrap

    size = indent + LABEL + 2
    wrapped = textwrap.wrap(value, width - size, break_on_hyphens=False, break_long_words=False) or [""]
    first = f"{'':{indent}}{name:<{LABEL}}  "
    return [(first if not number else " " * size, part) for number, part in enumerate(wrapped)]


# ------------------------------------------------------------------------------------------- words


def vendor_app(provider: str, app: str) -> str:
    """A vendor and its app, or once where both have one name."""
    return provider if app == provider else f"{provider} {app}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the known word which `word` was probably meant to be."""
    found = close(word, known)
    return None if found is None else f"did you mean '{found}'?"


def close(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that is likest; None where none is like it (0: any, 1: the same). Case does not count."""
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in known}
    match = get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[match[0]] if match else None


# ---------------------------------------------------------------------------------- what cannot be written

ESCAPED = "bulkim.escaped"  # `errors=` of whatever text is written to


def escaped(error: UnicodeError) -> tuple[str, int]:
    r"""What an encoding does not have, as JSON escapes it (``\u7814``): JSON stays JSON, and people see what it was."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end


codecs.register_error(ESCAPED, escaped)


# ------------------------------------------------------------------------------------- what others say

_UNSEEN = r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->|<title\b.*?</title\s*>(?=.*<h1)"  # compiled when asked for: `bulkim --help` loads this room
_TAG = r"(?s)<[^>]*>"
PAGE_BYTES_MAX = 16 * 1024  # of a page that are looked at
PAGE_WORDS_MAX = 120  # characters


def page_words(page: bytes) -> str:
    """The first text of a page that should have been something else, in one line; its title only where it has no heading."""
    import html

    text = re.sub(_UNSEEN, " ", page[:PAGE_BYTES_MAX].decode("utf-8", "replace"))
    shown = " ".join(html.unescape(re.sub(_TAG, " ", text)).split())
    shown = "".join(letter for letter in shown if letter.isprintable())
    return shown if len(shown) <= PAGE_WORDS_MAX else f"{shown[: PAGE_WORDS_MAX - 1]}…"


def place(address: str) -> str:
    """Scheme, host and port of an address, as a person is told of it: nothing else of it is shown."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    known = host and all(letter.isprintable() and letter != " " for letter in host)
    return f"{parts.scheme}://{host[:253]}{f':{port}' if port else ''}" if known else ""


HALF = "\ufffd"  # stands for half a character; no id that has it can be sent
_HALVES = "[\ud800-\udfff]"


def whole(text: str) -> str:
    """The text without halves of characters, which neither a disk nor a vendor takes: each becomes `HALF` and its number.

    So two that differ stay two. JSON can have them (``"\\ud83d"``), and so can a name of a file.
    """
    return re.sub(_HALVES, lambda found: f"{HALF}{ord(found[0]):x}", text)
