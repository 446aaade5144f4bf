"""What tells a vendor's users apart, under the vendor's own name for it in a declaration, and under ours everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from bulkim.catalogue.addressing import keys_in
from bulkim.catalogue.bodies import BY, ITEMS, fields_in, sole
from bulkim.catalogue.shapes import Field, Form, FormTree, Json, Names, Operation, Provider

OWN = "username"


def named(provider: Provider) -> Provider:
    """The provider with ``username`` wherever its own name for it stood, and with the field where it was taken for granted."""
    return replace(provider, operations=tuple(_operation(provider, each) for each in provider.operations))


def _operation(provider: Provider, operation: Operation) -> Operation:
    theirs = provider.identity.name
    renamed = operation if theirs == OWN else _Renaming(theirs).operation(operation)
    if renamed.single is not None:
        renamed = replace(renamed, single=_operation(provider, renamed.single))
    if renamed.paging is not None or renamed.field(OWN) or OWN not in _uses(renamed):
        return renamed
    identity = provider.identity
    field = Field(
        OWN, wire=None if theirs == OWN else theirs, key=True, pattern=identity.pattern,
        bytes_max=identity.bytes_max, chars_max=identity.chars_max,
    )  # fmt: skip
    return replace(renamed, fields=(field, *renamed.fields))


def _uses(operation: Operation) -> set[str]:
    """The fields that a request names."""
    found = {*keys_in(operation.path), *fields_in(operation.query), *fields_in(operation.headers)}
    match operation.body:
        case Json(tree=tree) | FormTree(tree=tree):
            found.update(fields_in(tree))
        case Names(of=of, also=also):
            found.update((of, *also))
        case Form(of=of):
            found.add(of)
        case _:
            pass
    return found


@dataclass(frozen=True, slots=True)
class _Renaming:
    """From the vendor's name for it to ours."""

    theirs: str

    def operation(self, operation: Operation) -> Operation:
        """All of it, but for what is inside `single`."""
        return replace(
            operation,
            path=operation.path.replace(f"{{{self.theirs}}}", f"{{{OWN}}}"),
            fields=tuple(map(self.field, operation.fields)),
            body=self.shape(operation.body),
            query=self.tree(operation.query),
            headers=self.tree(operation.headers),
            result=self.shape(operation.result),
            doubt=self.shape(operation.doubt),
            verify=self.shape(operation.verify),
            any_of=tuple(map(self.name, operation.any_of)),
            otherwise={self.name(key): value for key, value in operation.otherwise.items()},
            cases=tuple(replace(each, items=tuple(map(self.row, each.items))) for each in operation.cases),
        )

    def name(self, name: str) -> str:
        """One name of a field."""
        return OWN if name == self.theirs else name

    def field(self, field: Field) -> Field:
        """On the wire it keeps theirs."""
        fallback = field.fallback_of and self.name(field.fallback_of)
        if field.name != self.theirs:
            return replace(field, fallback_of=fallback)
        return replace(field, name=OWN, wire=field.wire or self.theirs, fallback_of=fallback)

    def shape(self, value: Any) -> Any:
        """A body, a result, a way of asking: what names a field in it."""
        if isinstance(value, Json | FormTree):
            return replace(value, tree=self.tree(value.tree))
        if not is_dataclass(value) or isinstance(value, type):
            return value
        said = {each.name: getattr(value, each.name) for each in fields(value)}
        alone = {key: self.name(said[key]) for key in ("of", "by", "holds", "lacks") if said.get(key)}
        lists = {key: tuple(map(self.name, said[key])) for key in ("also", "remaining") if said.get(key)}
        same = {at: self.name(name) for at, name in said.get("same", {}).items()}
        return replace(value, **alone, **lists, **({"same": same} if same else {}))

    def tree(self, value: Any) -> Any:
        """What is ``{theirs}`` in it, and what is mapped by it."""
        if sole(value) == self.theirs:
            return f"{{{OWN}}}"
        if isinstance(value, Mapping):
            by = BY if ITEMS in value else None
            return {key: self.name(each) if key == by else self.tree(each) for key, each in value.items()}
        return [self.tree(each) for each in value] if isinstance(value, list | tuple) else value

    def row(self, row: Any) -> Any:
        """An item of a case."""
        return {self.name(key): value for key, value in row.items()} if isinstance(row, Mapping) else row
