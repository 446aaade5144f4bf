"""Documented exchanges of other vendors, both ways: what a declaration says is what their pages show."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkim.catalogue.load import load
from bulkim.catalogue.written import written
from bulkim.vendors import PROVIDERS
from bulkim.work.declared import DECLARED, differences, inspect
from bulkim.yamltree import dumped, parse

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples/providers").glob("*.yaml"))
FILES = [*EXAMPLES, *sorted((ROOT / "tests/vendors/exchanges").glob("*.yaml"))]
INEXPRESSIBLE, _ = parse((ROOT / "tests/vendors/inexpressible.yaml").read_text(), "inexpressible.yaml")


def exchanges(file: Path) -> list[tuple]:
    provider = load(file.read_text(), file.name, PROVIDERS)
    return [
        (provider, operation, case)
        for operation in provider.operations
        for case in operation.cases
        if case.request is not None and case.reply is not None
    ]


def test_forty_exchanges_of_fifteen_vendors_are_nine_in_ten_exact():
    found = {file: exchanges(file) for file in FILES}
    exact = [not list(differences(*each)) for each in (one for many in found.values() for one in many)]
    missed = len(INEXPRESSIBLE.value)
    assert len(exact) >= 40
    assert len(found) >= 15
    assert sum(exact) >= 0.9 * (len(exact) + missed), (sum(exact), len(exact), missed)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_meets_its_cases_and_survives_being_written(file):
    found = inspect(file.read_text(), str(file))
    assert found.problems == ()
    if found.provider.quota_of:  # what it adds to is not in the file
        return
    assert load(dumped(written(found.provider)), "copy.yaml") == found.provider


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_shows_all_that_it_declares(file):
    found = inspect(file.read_text(), str(file))
    assert DECLARED not in found.grades.values()
    assert found.provider.source
    for (
        warning
    ) in found.warnings:  # nothing is read back at some vendors, and not every page was read this year
        assert "cannot be verified" in warning.message or "when the page was read" in warning.message


def test_the_examples_are_of_different_kinds():
    assert len(EXAMPLES) >= 6
    text = {file.stem: file.read_text() for file in EXAMPLES}
    for kind in ("oauth2-client", "digest:", "per-item", "1000/10s", "extends:", "basic"):
        assert any(kind in each for each in text.values()), kind


@pytest.mark.parametrize("each", INEXPRESSIBLE.value, ids=lambda node: node.plain()["vendor"])
def test_what_cannot_be_said_has_a_reason(each):
    assert {"vendor", "source", "request", "why"} == set(each.plain())
