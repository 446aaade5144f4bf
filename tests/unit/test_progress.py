"""The live block and the log line, from samples on a clock of our own."""

from __future__ import annotations

import io
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from rich.console import Console, ConsoleDimensions

from bulkim.model import Rate, Status
from bulkim.view.live import LINE_S, STYLES, Lines, Meter, block, chosen, line, screen, shares
from bulkim.view.width import columns, cut


@dataclass
class Readings:
    counts: dict
    limit_per_s: float = 100.0
    allowed_per_s: float | None = None
    in_flight: int = 4
    in_flight_max: int = 12
    paced: int = 0
    retries: int = 0
    throttled: int = 0
    latency_s: float | None = 0.05
    waiting_for: str = "quota"
    apart: tuple[int, int] = (0, 0)
    codes: Counter = field(default_factory=Counter)
    stopping: str | None = None
    paused: bool = False
    resting: tuple[float, float] | None = None


def counts(**given):
    return {status: given.get(status.value, 0) for status in Status}


def text(spans):
    return "".join(part for part, _ in spans)


def run(meter, *, seconds, rate, items, start=0, step=0.25, **more):
    """`rate` single-item calls a second for so long; returns the last view."""
    view = None
    for tick in range(int(seconds / step) + 1):
        done = start + int(tick * step * rate)
        readings = Readings(counts(succeeded=done, pending=items - done), paced=done - start, **more)
        view = meter.read(1000.0 + tick * step, readings)
    return view


def test_rates_and_time_left_follow_the_samples():
    view = run(Meter("job"), seconds=10, rate=80, items=2000)
    assert view.calls_per_s == pytest.approx(80, rel=0.02)
    assert view.users_per_s == pytest.approx(80, rel=0.02)
    assert view.elapsed_s == 10
    assert view.eta_s == pytest.approx((2000 - 800) / 80, rel=0.02)


def test_time_left_ignores_restored_items():
    view = run(Meter("job", resumed=True), seconds=4, rate=50, items=10_000, start=9_000)
    assert view.restored == 9_000
    assert view.eta_s == pytest.approx((1000 - 200) / 50, rel=0.05)


def test_what_planning_skipped_is_not_restored_in_a_new_run():
    view = Meter("job").read(0.0, Readings(counts(skipped=5, pending=5)))
    assert view.restored == 0


def test_a_listing_has_no_end_in_sight():
    meter = Meter("job", open_ended=True)
    meter.read(0.0, Readings(counts(pending=0)))
    view = meter.read(1.0, Readings(counts(succeeded=300), paced=3))
    assert view.eta_s is None
    paging = Meter("job", open_ended=True).read(0.0, Readings(counts(pending=9), waiting_for="answers"))
    assert paging.pace == "held by the vendor's latency: one page after another"
    assert text(block(view)[1]) == "█" * 80
    assert "300 so far" in text(block(view)[2])
    assert line(view).startswith("job: 0:01 300 so far (300 succeeded); 3 of 100 calls/s; held")
    assert Lines().due(0.0, view) == "job: begins, at most 100 calls/s"


def test_what_is_expected_counts_as_pending():
    meter = Meter("job", open_ended=True, expected=200)
    meter.read(0.0, Readings(counts(succeeded=100, pending=30)))
    view = meter.read(10.0, Readings(counts(succeeded=200, pending=0)))
    assert view.counts[Status.PENDING] == 100
    assert view.eta_s == pytest.approx(10.0)


def test_no_time_left_is_guessed_before_anything_ended():
    assert Meter("job").read(5.0, Readings(counts(pending=10))).eta_s is None
    assert Meter("job").read(5.0, Readings(counts(succeeded=10))).eta_s == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"waiting_for": "quota"}, "held by the vendor's limit"),
        ({"waiting_for": "answers", "in_flight": 12}, "held by the vendor's latency"),
        ({"waiting_for": "answers", "in_flight": 2}, "waiting for the last answers"),
        ({"waiting_for": "vendor"}, "slower for a while: the vendor refused calls"),
        ({"waiting_for": "credentials"}, "waiting for a token"),
        ({"stopping": "max_failures"}, "max_failures"),
    ],
)
def test_says_what_limits_the_speed(given, words):
    assert Meter("job").read(0.0, Readings(counts(pending=10), **given)).pace == words


def test_the_jobs_own_cap_is_called_so():
    readings = Readings(counts(pending=10), waiting_for="answers", in_flight=12)
    assert Meter("job", capped=True).read(0.0, readings).pace == "held by the job's own concurrency"


@pytest.mark.parametrize(
    ("rate", "own"),
    [({}, False), ({"limit": 5.0}, True), ({"share": 0.5}, True), ({"pools": {"users": 9.0}}, True)],
)
def test_the_jobs_own_limit_is_called_so(rate, own):
    readings = Readings(counts(pending=10), waiting_for="quota")
    said = Meter("job", own_limit=Rate(**rate).own).read(0.0, readings).pace
    assert said == ("held by the job's own limit" if own else "held by the vendor's limit")


def test_a_glimpse_does_not_change_what_is_said():
    meter = Meter("job")
    for tick in range(9):
        waiting_for = "answers" if tick == 8 else "quota"
        view = meter.read(tick * 0.2, Readings(counts(pending=10), waiting_for=waiting_for, in_flight=1))
    assert view.pace == "held by the vendor's limit"


def test_shares_add_up_and_show_what_is_small():
    assert shares([1, 100_000, 0, 1], 76) == [1, 74, 0, 1]
    assert shares([0, 0], 10) == [0, 0]
    assert sum(shares([3, 3, 3], 10)) == 10


TITLE = "a-job-with-a-rather-long-name · delete at easemob some-application · run k7qf2m2x"


def wide_view(title=TITLE, **more):
    meter = Meter(title, resumed=True)
    meter.read(0.0, Readings(counts(succeeded=1_000_000, failed=3, pending=9_000_000)))
    codes = Counter(
        {"duplicate_unique_property_exists": 12_345, "service_resource_not_found": 99, "timeout": 1}
    )
    return meter.read(
        2.0,
        Readings(
            counts(succeeded=1_500_000, unchanged=17, failed=200, unknown=3, skipped=12, pending=8_499_768),
            paced=25_000, codes=codes, throttled=12, retries=1234, **more,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "title", [TITLE, "每晚清理测试账号，不留一个 · delete at easemob 应用 · run k7qf2m2x"]
)
@pytest.mark.parametrize("width", [40, 80, 100])
def test_the_block_fits(width, title):
    lines = block(wide_view(title, stopping="waiting for what is in flight"), width)
    assert len(lines) <= 8
    assert max(columns(text(spans)) for spans in lines) <= width
    assert text(lines[0]).endswith(" left"), "what is cut is the name"
    assert columns(text(lines[0])) == width


def test_a_vendors_code_commands_no_terminal():
    readings = Readings(counts(failed=1, pending=1), codes=Counter({"\x1b[2J\nbad": 1}))
    shown = text(block(Meter("job").read(0.0, readings))[5])
    assert shown == "codes   �[2J�bad 1"


@pytest.mark.parametrize(
    ("given", "width", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("王五王五", 5, "王五…"), ("王五王五", 6, "王五…"), ("e\u0301tude", 5, "e\u0301tude"), ("x", 0, ""),
     ("👨\u200d👩\u200d👧 family", 4, "👨\u200d👩\u200d👧…"), ("🇩🇪🇫🇷", 3, "🇩🇪…"), ("👨\u200d👩\u200d👧🇩🇪", 4, "👨\u200d👩\u200d👧🇩🇪")],
)  # fmt: skip
def test_cut(given, width, shown):
    assert cut(given, width) == shown


def test_what_is_cut_says_so_once():
    """A cut text may end a column early; the next one does not begin there."""
    line = Meter("a job").read(0.0, Readings(counts(pending=1)))
    assert all(text(spans).count("…") <= 1 for width in range(20, 60) for spans in block(line, width))


def test_a_window_that_became_narrower_is_cleared(monkeypatch):
    """The terminal wraps what was drawn: the block of six lines is then eleven, and the cursor stands below it."""
    size = [ConsoleDimensions(80, 24)]
    monkeypatch.setattr(Console, "size", property(lambda _: size[0]))
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    show, close = screen("bar")
    view = run(Meter("a job of eighty columns, for its name is long enough"), seconds=5, rate=80, items=2000)
    show(0.0, view)
    size[0] = ConsoleDimensions(40, 24)
    before = stream.tell()
    show(1.0, view)
    assert stream.getvalue()[before:].count("\x1b[1A") == 11
    close()
    assert "\x1b[?25l" not in stream.getvalue()  # whoever is killed could not show the cursor again


def test_the_bar_has_every_outcome_and_the_restored_part():
    bar = block(wide_view(), 80)[1]
    assert {style for _, style in bar} >= {STYLES[Status.FAILED], STYLES[Status.PENDING]}
    assert bar[0][0].startswith("▒")
    assert text(bar).endswith("15%")
    assert len(text(bar)) == 80


def test_outcomes_are_told_by_words_and_glyphs_too():
    shown = text(block(wide_view(), 200)[2])
    assert "✓ 1,500,000 succeeded" in shown
    assert "✗ 200 failed" in shown
    assert "restored" in shown


def test_the_log_line():
    view = run(Meter("purge"), seconds=30, rate=95, items=6000)
    assert line(view) == (
        "purge: 0:30 2,850 of 6,000 ended (47%: 2,850 succeeded); 95 of 100 calls/s; about 0:33 left;"
        " held by the vendor's limit"
    )


def test_lines_come_at_the_start_at_changes_and_every_half_minute():
    meter, lines, printed = Meter("job"), Lines(), []
    first = Lines().due(0.0, Meter("job").read(0.0, Readings(counts(skipped=1, pending=200))))
    assert first == "job: 200 of 201 items to send, at most 100 calls/s"
    for second in range(100):
        throttled = 1 if second >= 40 else 0
        view = meter.read(
            float(second), Readings(counts(succeeded=second, pending=200 - second), throttled=throttled)
        )
        if lines.due(float(second), view):
            printed.append(second)
    assert printed[0] == 0
    assert 40 in printed
    gaps = [later - earlier for earlier, later in pairwise(printed)]
    assert max(gaps) <= LINE_S
    assert len(printed) <= 6


@pytest.mark.parametrize(
    ("allowed", "words"),
    [(None, "40 of 100 calls/s"), (100.0, "40 of 100 calls/s"), (62.5, "40 of 100 calls/s (62.5 after refusals)"),
     (0.0, "40 of 100 calls/s (resting after refusals)")],
)  # fmt: skip
def test_what_refusals_left_of_the_limit(allowed, words):
    view = run(Meter("job"), seconds=10, rate=40, items=2000, allowed_per_s=allowed)
    assert text(block(view)[3]).startswith(f"speed   {words}  █")
    assert f"; {words}; " in line(view)


@pytest.mark.parametrize(
    ("wish", "quiet", "tty", "term", "style"),
    [
        ("auto", False, True, "xterm", "bar"),
        ("auto", False, True, "dumb", "plain"),
        ("auto", False, False, "xterm", "plain"),
        ("auto", True, True, "xterm", "none"),
        ("bar", False, False, "xterm", "bar"),
        ("none", False, True, "xterm", "none"),
    ],
)
def test_which_style(monkeypatch, wish, quiet, tty, term, style):  # noqa: PLR0917
    monkeypatch.setattr("sys.stderr.isatty", lambda: tty)
    monkeypatch.setenv("TERM", term)
    assert chosen(wish, quiet=quiet) == style


def test_a_rest_that_the_vendor_asked_for_is_said_with_its_end(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    words = "resting until 07:09:12 UTC: the vendor asked for 3,600 s"
    view = run(Meter("job"), seconds=10, rate=40, items=2000, resting=(1_700_032_152.0, 3600.0))
    assert text(block(view)[-1]) == f"pace    {words}"
    assert line(view).endswith(words)
    assert view.state == "resting"


def test_a_pause_is_said_and_how_it_ends():
    view = run(Meter("job"), seconds=10, rate=40, items=2000, paused=True, resting=(1e10, 60.0))
    assert "paused: `bulkim ctl RUN resume` lets it go on" in text(block(view)[-1])
    assert view.state == "paused"


def test_a_log_says_at_once_that_it_rests_pauses_and_goes_on():
    meter, lines, printed = Meter("job"), Lines(), []
    for second in range(6):
        readings = Readings(
            counts(pending=200), resting=(60.0, 60.0) if second in {1, 2} else None, paused=second == 4
        )
        if lines.due(float(second), meter.read(float(second), readings)):
            printed.append(second)
    assert printed == [0, 1, 3, 4, 5]


def test_a_request_that_is_taken_apart_is_said_to_be():
    """Meanwhile nothing else seems to move."""
    view = Meter("job").read(0.0, Readings(counts(pending=120), waiting_for="back-off", apart=(3, 120)))
    assert view.pace == "taking 3 refused requests apart: 120 users to be sent again"
