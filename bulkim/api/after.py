"""After a run: whether it holds, what would undo it, and a page to hand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from bulkim import files, vendors
from bulkim.api.common import AnyJob, AnyPath, bare_errors, job_of_run, journal_path, refuse_running_loop
from bulkim.fleet import sharing
from bulkim.journal import Reader
from bulkim.sending.supervise import StopEvent
from bulkim.work import undo as undoing
from bulkim.work import verify as verifying
from bulkim.work.undo import Undo
from bulkim.work.verify import Finding, Verified


def verify(
    run: str = "last",
    *,
    job: AnyJob | None = None,
    journal: AnyPath | None = None,
    sample: float = 1.0,
    each: Callable[[Finding], object] | None = None,
    stop: StopEvent | None = None,
) -> Verified:
    """Ask the vendor whether what a run did still holds; nothing is changed, there or in the journal. Blocks.

    `sample`: the part of the items to ask about, above 0 and at most 1; the same run gives the same ones. `each` gets what is found
    of every user, as it is found. In the main thread Ctrl-C leaves with what was found until then, and so does `stop`, an event. `job`
    is needed where the run's job was no file, or is no longer there. Raises ImpossibleError where nothing tells, BulkimError where the vendor
    cannot be asked.
    """
    refuse_running_loop("verify")
    with Reader.open(journal_path(journal)) as opened:
        record = opened.find(run)
        provider = vendors.provider(record.provider, record.vendor_text)
        loaded = job_of_run(record, job)
        with bare_errors():
            return verifying.verify(
                loaded, record, opened, provider, share=sample, each=each, stop=stop, sharing=sharing()
            )


def undo(
    run: str = "last",
    *,
    job: AnyJob | None = None,
    journal: AnyPath | None = None,
    accept_risk: bool = False,
    offline: bool = False,
    stop: StopEvent | None = None,
) -> Undo:
    """The jobs that would undo what a run itself changed, for `Undo.write`. Changes nothing.

    Where the run wrote down what was there before, that is restored, and the vendor is asked who is not as the run left them any
    more, unless `offline`: those are left alone (`Undo.left_alone`). `job` is needed for that where the run's job was no file.

    Raises ImpossibleError where there is none, or none that is safe; GuardError when a signal or `stop`, an event that another
    thread sets, ended the asking; `accept_risk`: take one that may hit users who were there
    before the run.
    """
    with Reader.open(journal_path(journal)) as opened:
        record = opened.find(run)
        provider = vendors.provider(record.provider, record.vendor_text)
        if offline or not undoing.restorable(opened, record, provider):
            return undoing.undo(opened, record, provider, accept=accept_risk)
        refuse_running_loop("undo")
        loaded = job_of_run(record, job)

        def changed() -> list[Finding]:
            with bare_errors():
                return verifying.changed_since(loaded, record, opened, provider, stop=stop, sharing=sharing())

        return undoing.undo(opened, record, provider, accept=accept_risk, changed=changed)


def report(
    run: str = "last",
    file: AnyPath | None = None,
    *,
    style: Literal["html", "markdown"] = "html",
    redact: bool = False,
    journal: AnyPath | None = None,
) -> str:
    """A run as one self-contained page with charts, or as Markdown. Returns its text, and writes it into `file`, readable by you alone.

    `redact`: hash the user ids, and leave the job file out. Raises OSError where the file cannot be written.
    """
    from bulkim.view.report.figures import figures

    with Reader.open(journal_path(journal)) as opened:
        found = figures(opened, opened.find(run), redact=redact)
    if style == "html":
        from bulkim.view.report.page import page as render
    else:
        from bulkim.view.report.markdown import markdown as render
    text = render(found)
    if file is not None:
        with files.written(Path(file)) as stream:
            stream.write(text)
    return text
