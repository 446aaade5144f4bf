"""A run as one HTML page: no script is needed to read it, nothing is fetched, and it stays small for a million items."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bulkim.codes import KINDS, LOST, Meaning, continues
from bulkim.language import counted, tag
from bulkim.language import gettext as _
from bulkim.model import Status
from bulkim.text import WITH_ZONE, duration, local, milliseconds, span
from bulkim.version import __version__
from bulkim.view.account import reconciliation
from bulkim.view.live import GLYPHS
from bulkim.view.meanings import meaning
from bulkim.view.report import charts
from bulkim.view.report.figures import Figures

FILTERS_MAX = 12  # buttons above the table
JOB_CHARS_MAX = 20_000  # of the job's text: inline items can be many


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bulkim.view.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "n": lambda value: f"{value:,}", "ms": milliseconds, "span": span, "duration": duration,
        "moment": moment, "ticked": ticked, "said": _,
    }  # fmt: skip
    environment.globals |= {"_": _, "counted": counted, "language": tag}
    return environment


def page(figures: Figures) -> str:
    """The report as HTML."""
    environment = _environment()
    script = environment.loader.get_source(environment, "search.js")[0] if environment.loader else ""
    style = environment.loader.get_source(environment, "report.css")[0] if environment.loader else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        f=figures, record=figures.record, summary=figures.summary, charts=charts, **_facts(figures),
        script=Markup(script), script_digest=digest, style=Markup(style), version=__version__,  # noqa: S704 - our own
    )  # fmt: skip


def _facts(figures: Figures) -> dict[str, Any]:
    summary, latencies = figures.summary, figures.latencies
    elapsed = summary["elapsed_s"]
    text = figures.record.job_text or ""
    filters = sorted({(each.outcome, each.code) for each in figures.bad})[:FILTERS_MAX]
    kinds = {each: number for number, each in enumerate(filters, 1)}
    return {
        "balance": reconciliation(summary),
        "verdict": verdict(figures),
        "stopped": _stopped(figures),
        "why": lambda code: _explained(figures, code),
        "outcomes": [(str(each), GLYPHS[each], figures.counts[str(each)]) for each in Status],
        "rate": figures.timeline.calls / elapsed if elapsed >= 1 else None,
        "percentiles": [(name, latencies.percentile(share)) for share, name in reversed(charts.QUANTILES)],
        "filters": filters,
        "kind_of": lambda outcome, code: kinds.get((outcome, code), 0),
        "percent": percent,
        "kinds": {**{kind: _(each.meaning) for kind, each in KINDS.items()}, "lost": _(LOST)},
        "job_text": text if len(text) <= JOB_CHARS_MAX else text[:JOB_CHARS_MAX] + "\n# … cut here\n",
        "now": datetime.now().astimezone(),
    }


def verdict(figures: Figures) -> tuple[str, str, str]:
    """(class, glyph, words): how the run ended, for who reads one line only."""
    state, counts = figures.record.state, figures.counts
    if state == "running":
        return "running", "▶", _("is still running")
    if state != "finished":
        code = figures.record.stop_code
        why = _(": {code}", code=code) if code else ""
        if continues(code):
            return "stopped", "■", _("{state}{why}; the same command continues it", state=_(state), why=why)
        return "stopped", "■", _("{state}{why}; a person must look", state=_(state), why=why)
    if items := counts["unknown"]:
        words = counted(
            items,
            "finished; {n} item with an unknown outcome",
            "finished; {n} items with an unknown outcome",
        )
        return "warned", "?", words
    if items := counts["failed"]:
        return "warned", "!", counted(items, "finished; {n} item failed", "finished; {n} items failed")
    return "fine", "✓", _("finished")


def _stopped(figures: Figures) -> Meaning | None:
    """What the code means with which the run stopped."""
    return _explained(figures, figures.record.stop_code)


def _explained(figures: Figures, code: str | None) -> Meaning | None:
    """What a code means with which a session ended; the reason is known of the run's last one only."""
    provider, record = figures.provider, figures.record
    operation = provider.operation(record.operation) if provider else None
    reason = record.stop_reason if code == record.stop_code else None
    return meaning(provider, operation, code, reason) if code else None


def ticked(text: str) -> Markup:
    """Our own words, what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def percent(part: float, whole: float) -> str:
    """A share in words: 12.3%, and never 0 or 100 for what is not."""
    if not whole:
        return "0%"
    share = 100 * part / whole
    if part and share < 0.1:
        return "< 0.1%"
    if share > 99.9 and part < whole:
        return "> 99.9%"
    return f"{share:.3g}%" if share >= 1 else f"{share:.2g}%"


def moment(at: float | None) -> str:
    """Local time, with its zone."""
    return local(at, WITH_ZONE) if at else "-"
