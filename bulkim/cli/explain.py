"""`bulkim explain`: what a code means; where a run of the journal has met it, the rule that decided there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import click

from bulkim import codes
from bulkim.catalogue.shapes import ErrorRule, Provider
from bulkim.cli import candidates, show
from bulkim.cli.options import Command, Settings, common
from bulkim.cli.reference import vendor_of
from bulkim.errors import BulkimError, UsageError
from bulkim.language import counted
from bulkim.language import gettext as _
from bulkim.model import Kind, Status
from bulkim.places import there
from bulkim.text import nearest
from bulkim.view import meanings
from bulkim.view.account import table
from bulkim.view.live import Spans

if TYPE_CHECKING:
    from bulkim.journal.records import CodeCount


@dataclass(frozen=True, slots=True)
class Met:
    """A rule that decided about items of a run."""

    rule: ErrorRule
    run: str
    count: CodeCount
    doubt: str  # how the run's operation finds out what an unanswered request did

    @property
    def follows(self) -> str:
        """What bulkim does, as the rest of a sentence."""
        in_doubt = self.rule.kind is Kind.UNKNOWN
        return codes.UNANSWERED[self.doubt] if in_doubt else codes.KINDS[str(self.rule.kind)].follows

    @property
    def remedy(self) -> str:
        """What to do about the items that ended so."""
        return codes.ENDED_UNKNOWN[self.doubt] if self.count.outcome == Status.UNKNOWN else self.rule.remedy


@click.command(
    cls=Command,
    examples=[
        "bulkim explain easemob duplicate_unique_property_exists",
        "bulkim explain tencent 70107",
        "bulkim explain easemob illegal_argument --run last",
    ],
)
@click.argument("provider", shell_complete=candidates.providers, help="The vendor, such as easemob.")
@click.argument(
    "code",
    required=False,
    shell_complete=candidates.error_codes,
    help="As the vendor writes it, one of bulkim's own, or an HTTP status. Default: list the vendor's.",
)
@click.option("--run", "run_name", metavar="RUN", shell_complete=candidates.run_names,
              help="Only what the code meant in this run. Default: the newest run, if it has met the code.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Whatever the code may mean, whatever a run has met.")
@common
def explain(
    settings: Settings, *, provider: str, code: str | None, run_name: str | None, everything: bool
) -> int:
    """Say what a code means, whether bulkim tries again, and what to do."""
    vendor = vendor_of(provider)
    if code is None:
        return _listed(settings, vendor)
    rules = vendor.rules(code)
    own = codes.OWN.get(code) or (codes.of_status(code) if not rules else None)
    met = [] if everything else _met(settings, vendor, code, run_name)
    if not rules and own is None and not met:
        raise UsageError(
            f"{vendor.label} has no code {code!r} in its table",
            hint=nearest(code, [each.code for each in vendor.errors if each.code]) or "see the vendor's page",
        )
    if settings.json:
        click.echo(json.dumps(_document(vendor, code, rules, own, met), ensure_ascii=False))
        return 0
    if met:
        for each in met:
            show.put(_rule(code, each.rule, met=each))
        if more := len([rule for rule in rules if all(rule is not each.rule for each in met)]):
            settings.say(f"{more} more of this code: {settings.command('explain', provider, code, '--all')}")
        return 0
    if own is not None:
        show.put(_own(code, own))
    for rule in rules:
        show.put(_rule(code, rule))
    return 0


def _listed(settings: Settings, vendor: Provider) -> int:
    """All codes of the vendor's table."""
    if settings.json:
        named = dict.fromkeys(each.code for each in vendor.errors if each.code)
        click.echo(
            json.dumps(
                [_document(vendor, code, vendor.rules(code), None, []) for code in named], ensure_ascii=False
            )
        )
        return 0
    rows = dict.fromkeys(
        (each.code or "-", str(each.status or "-"), _(codes.KINDS[str(each.kind)].meaning), _(each.meaning))
        for each in vendor.errors
    )
    for line in table((_("code"), "HTTP", _("kind"), _("means")), sorted(rows), width=show.terminal_width()):
        click.echo(line)
    settings.say(f"next: {settings.command('explain', vendor.name, 'CODE')}")
    return 0


def _met(settings: Settings, vendor: Provider, code: str, run_name: str | None) -> list[Met]:
    """The rules that a run's items met under this code: of the run that is named, or of the newest if it has any."""
    from bulkim.codec.refusals import decided_by
    from bulkim.journal import Reader

    if run_name is None and not there(settings.journal):
        return []
    try:
        with Reader.open(settings.journal) as journal:
            record = journal.find(run_name or "last")
            found = [each for each in journal.code_counts(record.id) if each.code == code]
    except BulkimError:
        if run_name is None:
            return []
        raise
    operation = vendor.operation(record.operation) if record.provider == vendor.name else None
    if run_name is not None and (operation is None or not found):
        hint = f"`{settings.command('show', record.run)}` lists its codes"
        raise UsageError(f"run {record.run} has met no {code} at {vendor.name}", hint=hint)
    if operation is None:
        return []
    decided = [(decided_by(vendor, operation, code, each.reason), each) for each in found]
    way = meanings.doubt(operation)
    return [Met(rule, record.run, each, way) for rule, each in decided if rule is not None]


def _own(code: str, own: codes.Meaning) -> list[Spans]:
    return [
        [(code, "bold"), (_(" (bulkim's own)"), "dim")],
        *_row(_("means"), _(own.meaning)),
        *_row("bulkim", _(own.follows)),
        *_row(_("do"), _(own.remedy)),
    ]


def _rule(code: str, rule: ErrorRule, *, met: Met | None = None) -> Iterator[Spans]:
    about = _(" of {operations}", operations=_listed_names(rule.operations)) if rule.operations else ""
    status = f", HTTP {rule.status}" if rule.status and rule.code else ""
    yield [(rule.code or code, "bold"), (f"{status}{about}", "dim")]
    if met is not None:
        items = counted(met.count.items, "{n} item", "{n} items")
        words = _(
            "{items} of run {run}, such as {example}", items=items, run=met.run, example=met.count.example
        )
        yield from _row(_("met by"), words)
        if met.count.reason:
            yield from _row(_("reason"), f"“{met.count.reason}”")
    yield from _row(_("means"), _(rule.meaning))
    yield from _row("bulkim", _(met.follows if met else codes.KINDS[str(rule.kind)].follows))
    yield from _row(_("do"), _(met.remedy if met else rule.remedy))
    if rule.page:
        yield from _row(_("page"), rule.page)
    yield [("", "")]


def _listed_names(names: Sequence[str]) -> str:
    """``a, b``, as the reader's language lists names."""
    return reduce(lambda one, two: _("{one}, {two}", one=one, two=two), names)


def _row(name: str, value: str) -> list[Spans]:
    return show.row(name, value, indent=2)


def _document(
    vendor: Provider, code: str, rules: Sequence[ErrorRule], own: codes.Meaning | None, met: Sequence[Met]
) -> dict[str, Any]:
    known = [*rules, *(each.rule for each in met if each.rule not in rules)]
    return {
        "provider": vendor.name,
        "code": code,
        "rules": [
            {
                "kind": str(rule.kind), "http_status": rule.status, "pattern": rule.pattern,
                "operations": list(rule.operations), "meaning": rule.meaning, "handling": codes.KINDS[str(rule.kind)].follows,
                "retried": codes.KINDS[str(rule.kind)].retried,
                "remedy": rule.remedy, "page": rule.page,
                "met": [
                    {"run": each.run, "items": each.count.items, "example": each.count.example, "reason": each.count.reason,
                     "outcome": each.count.outcome, "handling": each.follows, "remedy": each.remedy}
                    for each in met if each.rule is rule
                ],
            }
            for rule in known
        ],
        "own": {"meaning": own.meaning, "handling": own.follows, "remedy": own.remedy} if own else None,
    }  # fmt: skip
