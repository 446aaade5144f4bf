"""The hours of the day in which a run may send: pure functions of aware datetimes, and the clock they are asked about.

A window is open while the clock on the wall shows a time that lies in it. So it follows the seasons by itself: a time
that a clock skips opens or closes the window when the clock jumps, an hour that it shows twice counts both times.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

DAY = 24 * 60  # minutes
DAYS_AHEAD = 4  # in which every window opens, even where a zone skips a day
MINUTE = timedelta(minutes=1)
PATTERN = r"\d{1,2}:\d\d\s*[-–]\s*\d{1,2}:\d\d"
_HOURS = re.compile(PATTERN.replace(r"\d{1,2}:\d\d", r"(\d{1,2}):(\d\d)"))


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of every day. It takes aware datetimes, and gives them in UTC: within a zone Python reckons without its changes."""

    start: int  # minutes after midnight
    end: int  # the first minute outside, up to 1440; below `start`: on the next day
    zone: tzinfo | None = None  # None: the host's

    def __str__(self) -> str:
        hours = "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start, self.end))
        return f"{hours} {self.zone}" if self.zone else hours

    @property
    def length_s(self) -> float:
        """How long it is open on a day without a change of clocks, in seconds."""
        return 60.0 * ((self.end - self.start) % DAY or DAY)

    def is_open(self, now: datetime) -> bool:
        """Whether the clock in the zone shows a time in the window."""
        local = now.astimezone(self.zone)
        minute = 60 * local.hour + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def opens(self, now: datetime) -> datetime:
        """The next moment at which it is open; `now` if it is."""
        return next(each for each in self._moments(now) if self.is_open(each))

    def closes(self, now: datetime) -> datetime | None:
        """The next moment at which it is closed; `now` if it is. None: it never closes."""
        return next((each for each in self._moments(now) if not self.is_open(each)), None)

    def nights(self, needed_s: float, now: datetime) -> int:
        """In how many openings so many seconds of work get done, from the one that is open or next."""
        begin = self.opens(now)
        end = self.closes(begin)
        left_s = needed_s - (end - begin).total_seconds() if end else 0.0
        return 1 + math.ceil(max(0.0, left_s) / self.length_s)

    def told(self, moment: datetime) -> str:
        """A moment for a person: ``2026-11-22 01:00 CET``, and what it is here where this host's clock shows another time."""
        there, here = moment.astimezone(self.zone), moment.astimezone()
        words = f"{there:%Y-%m-%d %H:%M %Z}"
        return words if there.utcoffset() == here.utcoffset() else f"{words}, here {here:%Y-%m-%d %H:%M %Z}"

    def _moments(self, now: datetime) -> Iterator[datetime]:
        """`now`, then every whole minute: windows and the offsets of zones change at nothing finer."""
        now = now.astimezone(UTC)
        yield now
        now = now.replace(second=0, microsecond=0)
        yield from (now + MINUTE * number for number in range(1, DAYS_AHEAD * DAY))


def now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


def split(text: str) -> tuple[str, str | None]:
    """``01:00-05:30 Europe/Berlin`` as its hours and the name of its zone, if it has one."""
    head, _, last = text.strip().rpartition(" ")
    return (head, last) if last[:1].isalpha() else (text.strip(), None)


def parse(text: str, zone: str | None = None) -> Window:
    """The window that a text means; `zone` where the text names none. Raises ValueError with its reason."""
    hours, named = split(text)
    start, end = minutes(hours)
    name = named or zone
    return Window(start, end, find_zone(name) if name else None)


def minutes(hours: str) -> tuple[int, int]:
    """``22:00-04:00`` as minutes after midnight. Raises ValueError with its reason."""
    found = _HOURS.fullmatch(hours.strip())
    if found is None:
        raise ValueError("must be hours like 01:00-05:30, or 22:00-04:00 across midnight")
    hour, minute, last_hour, last_minute = map(int, found.groups())
    start, end = 60 * hour + minute, 60 * last_hour + last_minute
    if max(minute, last_minute) > 59 or start >= DAY or end > DAY:
        raise ValueError("must begin between 00:00 and 23:59, and end by 24:00")
    if start == end:
        raise ValueError(
            "begins and ends at the same time, which could mean always or never; write 00:00-24:00 for the whole day"
        )
    return start, end


def find_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):  # not there; a folder, such as Europe; a path
        raise ValueError(f"there is no time zone '{name}'") from None


def zone_names() -> set[str]:
    """Places whose zones this machine knows; none without a time zone database. Etc/GMT+1 counts the wrong way round."""
    return {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
