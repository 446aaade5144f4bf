"""The `source` section as a `Source`: its files, the values that are put together, and which rows."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.jobfile.schema import SOURCE_KINDS
from bulkim.jobfile.values import parts, when
from bulkim.model import FILE_KINDS, Column, Condition, Source, Where
from bulkim.yamltree import Node

_AGES = ("created_before", "created_after")


@dataclass(frozen=True, slots=True)
class Making:
    """What makes sources of one job: where its paths start, and whose job it is."""

    folder: Path
    path: Path | None  # the job file
    provider: Provider
    operation: Operation

    @property
    def called(self) -> str | None:
        """The vendor's own name for a username, where it has one."""
        name = self.provider.identity.name
        return name if name != "username" else None

    def source(
        self, data: Mapping[str, Any] | None, node: Node | None, now: float, taken: Sequence[Any] | None
    ) -> Source:
        """The section's source. `taken`: a program's items, which stand for those that the section has."""
        if data is None:
            return Source("none")
        kind = next(each for each in SOURCE_KINDS if each in data)
        if kind == "listing":
            where = dict(data["where"])
            written = {key: where[key] for key in _AGES if where[key] is not None}
            where |= {key: when(text, now=now) for key, text in written.items()}
            return Source("listing", listing=data["listing"], where=Where(**where, written=written))
        if kind in FILE_KINDS:
            return self.of_file(kind, data[kind], data)
        shaped = self._shaped(kind, data)
        if kind == "run":
            return Source(
                "run", run=data["run"], outcome=tuple(data["outcome"]), code=tuple(data["code"]), **shaped
            )
        listed = data["items"] if taken is None else taken
        items = tuple({"username": each} if isinstance(each, str) else self._own(each) for each in listed)
        return Source("items", path=self.path, items=items, item_lines=_lines(node), **shaped)

    def of_file(self, kind: str, place: str | Sequence[str], data: Mapping[str, Any]) -> Source:
        """A file source: of a job's section, or of what a run's terms say of it (columns, where, trim, encoding, delimiter)."""
        return Source(
            kind,  # type: ignore[arg-type]
            **self._places(place), **self._shaped(kind, data), called=self.called, encoding=data.get("encoding"),
            delimiter=data.get("delimiter"),
        )  # fmt: skip

    def _shaped(self, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """What is made of the rows."""
        plain, computed = self._columns(data.get("columns") or {}, keep_plain=kind in {"csv", "jsonl"})
        narrowed = {self._own_name(name): _said(each) for name, each in (data.get("where") or {}).items()}
        return {
            "columns": plain, "computed": computed, "narrowed": narrowed, "trim": data.get("trim", True) is not False,
            "only": {name: condition(each) for name, each in narrowed.items()},
        }  # fmt: skip

    def _own_name(self, name: str) -> str:
        return "username" if name == self.called else name

    def _own(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Under our name for it."""
        return {self._own_name(key): value for key, value in values.items()}

    def _columns(
        self, written: Mapping[str, Any], *, keep_plain: bool
    ) -> tuple[dict[str, str], dict[str, Column]]:
        """Columns as they are, and those that something is made of."""
        plain, computed = dict[str, str](), dict[str, Column]()
        for name, said in self._own(written).items():
            column = self._column(name, said)
            if keep_plain and isinstance(said, str) and column.parts == ((said, True),) and "." not in said:
                plain[name] = said
            else:
                computed[name] = column
        return plain, computed

    def _column(self, name: str, said: Any) -> Column:
        if isinstance(said, str):
            return Column(parts(said), written=said)
        written = _said(said)
        if said.get("generate") is not None:
            return Column(generate=said["generate"], into=self._at(said["into"]), written=written)
        return Column(parts(said.get("column") or name), said.get("default"), written=written)

    def _at(self, place: str) -> Path:
        return self.folder / os.path.expanduser(place)  # noqa: PTH111 - never raises

    def _places(self, written: str | Sequence[str]) -> dict[str, Any]:
        if written == "-":
            return {"written": "-"}
        found = files_at([written] if isinstance(written, str) else written, self.folder)
        shown = written if isinstance(written, str) else "\n".join(written)
        return {"path": found[0], "paths": found if len(found) > 1 else (), "written": shown}


def files_at(written: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """The files that places name, each once; patterns in the order of their names. What is not there is left to be missed."""
    found = dict[Path, None]()
    for each in written:
        path = folder / os.path.expanduser(each)  # noqa: PTH111 - never raises
        several = glob.has_magic(each) and not path.exists()
        matches = sorted(filter(os.path.isfile, glob.glob(str(path), recursive=True))) if several else []  # noqa: PTH207
        found |= dict.fromkeys(map(Path, matches) if matches else [path])
    return tuple(found)


def condition(said: Mapping[str, Any]) -> Condition:
    """One field's condition, of what stands in the job."""
    among, unless = said.get("in"), said.get("not")
    return Condition(
        None if said.get("equals") is None else _cell(said["equals"]),
        None if among is None else tuple(map(_cell, among)),
        said.get("match"),
        said.get("empty"),
        None if unless is None else condition(unless),
    )


def _cell(value: Any) -> str:
    """A value as a cell has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _said(data: Any) -> dict[str, Any]:
    """What stands in the job, without what does not."""
    found = {key.rstrip("_"): value for key, value in dict(data).items() if value is not None}
    return {key: _said(value) if isinstance(value, Mapping) else value for key, value in found.items()}


def _lines(source: Node | None) -> tuple[int, ...]:
    items = source.child("items") if source is not None else None
    return tuple(node.mark.line for node in items.value if node.mark.line) if items is not None else ()
