"""YAML text -> a tree of plain values in which every key and value knows its place.

Works on parser events instead of the library's own objects: the depth is limited before anything recurses,
aliases and tags never take effect, and duplicate keys are reported together with everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bulkim.errors import InputError, Problem
from bulkim.redact import looks_secret

BYTES_MAX = 1_000_000
DEPTH_MAX = 24

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, 1-based; for a ``--set`` option the option itself, without line and column."""

    file: str
    line: int | None = None
    column: int | None = None
    key: str | None = None  # of a job without a file: the key, which says more than a line

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """A problem at this place."""
        return Problem(self.key or self.file, self.line, self.column, message, hint)


@dataclass(slots=True)
class Node:
    """One value: a scalar, a list of nodes, or a mapping of nodes."""

    value: Any  # str, int, float, bool, None, list[Node] or dict[str, Node]
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)  # of a mapping: where each key stands
    span: tuple[int, int] | None = None  # of a scalar: its place in the text, quotes included

    def child(self, key: Key) -> Node | None:
        """The value under a key or index, or None."""
        if isinstance(self.value, dict) and isinstance(key, str):
            return self.value.get(key)
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return self.value[key]  # type: ignore[no-any-return]
        return None

    def at(self, path: Iterable[Key]) -> Node | None:
        """The node at a path, or None."""
        node: Node | None = self
        for key in path:
            node = node.child(key) if node is not None else None
        return node

    def mark_of(self, path: Sequence[Key]) -> Mark:
        """Where the value at `path` stands, or else the nearest place above it."""
        node = self
        for key in path:
            node = node.child(key) or node
        return node.mark

    def key_mark_of(self, path: Sequence[Key]) -> Mark:
        """Where the key that `path` ends in stands, or else the value's place."""
        parent = self.at(path[:-1])
        if parent is not None and path and path[-1] in parent.keys:
            return parent.keys[str(path[-1])]
        return self.mark_of(path)

    def plain(self) -> Any:
        """The values alone."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def scalars(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Every scalar below, with its path."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.scalars((*path, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.scalars((*path, index))
        else:
            yield path, self


def decode(raw: bytes, file: str) -> str:
    """The text of a YAML or JSON file. Raises InputError: too long, not UTF-8, empty."""
    if len(raw) > BYTES_MAX:
        hint = "long lists of users belong in a CSV file: source: {csv: FILE}"
        raise InputError([Problem(file, None, None, "is longer than 1 MB", hint)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"is not UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise InputError([Problem(file, line, column, message, "save the file as UTF-8")]) from None
    if not text.strip():
        raise InputError([Problem(file, None, None, "is empty", "`bulkim init` writes one to start from")])
    if text.lstrip().startswith("{"):  # JSON indented with tabs, which YAML does not know
        text = re.sub(r"^\t+", lambda tabs: " " * len(tabs[0]), text, flags=re.MULTILINE)
    return text


def parse(
    text: str, file: str, *, place: Mark | None = None, number_keys: bool = False
) -> tuple[Node, list[Problem]]:
    """The tree of a document, and what is wrong with it but did not stop the parser.

    `place`: where everything in it is said to stand. `number_keys`: whole numbers may be keys, and are taken as text.
    Raises InputError for text that is not YAML.
    """
    builder = _Builder(file, place, number_keys=number_keys)
    if control := _CONTROL.search(text):
        before = text[: control.start()]
        mark = place or Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise InputError([mark.problem(f"holds a control character, U+{ord(control[0]):04X}")])
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  whatever the library makes of hostile text is the text's fault
        raise InputError([*builder.problems, _syntax(error, builder)]) from None
    if builder.root is None:
        raise InputError([Mark(file).problem("is empty", "`bulkim init` writes one to start from")])
    return builder.root, builder.problems


def dumped(value: Any) -> str:
    """Plain values as YAML, keys in their order."""
    writer = YAML(typ="rt", pure=True)
    writer.default_flow_style = None  # what holds no other container stands on one line
    writer.width = 110
    writer.representer.ignore_aliases = lambda _: True
    stream = StringIO()
    writer.dump(value, stream)
    return stream.getvalue()


class _Builder:
    """Puts events together. Containers that are still open are on the stack; a mapping remembers its key."""

    def __init__(self, file: str, place: Mark | None, *, number_keys: bool) -> None:
        self.file, self.number_keys = file, number_keys
        self.place = place
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.stack: list[Node] = []
        self.pending: list[
            tuple[str | None, Mark] | None
        ] = []  # of each open container: the key without a value yet
        self.documents = 0

    def take(self, event: Event) -> None:
        """One event of the parser."""
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise InputError(
                    [*self.problems, self.mark(event).problem("only one document fits in a file")]
                )
        elif isinstance(event, AliasEvent):
            hint = "quote text that begins with *" if self.place is None else None
            self.problems.append(self.mark(event).problem("aliases (*name) are not supported", hint))
            self.put(Node(None, self.mark(event)))
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self.refuse_decoration(event)
            node = Node({} if isinstance(event, MappingStartEvent) else [], self.mark(event))
            if len(self.stack) >= DEPTH_MAX:
                raise InputError(
                    [*self.problems, node.mark.problem(f"is nested deeper than {DEPTH_MAX} levels")]
                )
            self.put(node)
            self.stack.append(node)
            self.pending.append(None)
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self.stack.pop()
            self.pending.pop()
        elif isinstance(event, ScalarEvent):
            self.refuse_decoration(event)
            self.put(self.scalar(event))

    def mark(self, event: Event) -> Mark:
        """Where the event stands."""
        start = event.start_mark
        return self.place or Mark(self.file, start.line + 1, start.column + 1)

    def refuse_decoration(self, event: Any) -> None:
        """Anchors and tags change what a value is; nothing here needs them."""
        if event.anchor is not None:
            hint = "quote text that begins with &"
            self.problems.append(self.mark(event).problem("anchors (&name) are not supported", hint))
        if event.tag is not None:
            hint = "quote text that begins with !"
            self.problems.append(self.mark(event).problem("tags (!name) are not supported", hint))

    def scalar(self, event: ScalarEvent) -> Node:
        """A leaf, its value by YAML 1.2's core schema."""
        mark = self.mark(event)
        span = None if self.place else (event.start_mark.index, event.end_mark.index)
        value = event.value
        if _SURROGATE.search(value):
            try:  # JSON writes characters beyond U+FFFF as two escapes
                value = value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                self.problems.append(mark.problem("holds half of a surrogate pair, which is no character"))
                value = ""
        if event.style is not None or event.tag is not None:
            return Node(value, mark, span=span)
        try:
            return Node(_core(value), mark, span=span)
        except ValueError:
            self.problems.append(mark.problem("is too long for a number", "quote it"))
            return Node("", mark, span=span)

    def put(self, node: Node) -> None:
        """Gives a finished key or value to the container that is open."""
        if not self.stack:
            self.root = self.root or node
            return
        parent, pending = self.stack[-1], self.pending[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif pending is None:
            self.pending[-1] = (self.key(parent, node), node.mark)
        else:
            self.pending[-1] = None
            key, mark = pending
            if key is not None and key not in parent.value:
                parent.value[key] = node
                parent.keys[key] = mark

    def key(self, parent: Node, node: Node) -> str | None:
        """The text of a key; None for what cannot be one, which is a problem."""
        if self.number_keys and type(node.value) is int:
            node.value = str(node.value)
        if not isinstance(node.value, str):
            what = told((), node)
            self.problems.append(node.mark.problem(f"a key is text, this is {what}", "quote it"))
            return None
        if node.value in parent.value:
            first = parent.keys[node.value].line
            where = f" (the first is on line {first})" if first else ""
            self.problems.append(node.mark.problem(f"key '{shown(node.value)}' is there twice{where}"))
        return node.value


def _core(text: str) -> Any:
    """A plain scalar's value. Raises ValueError for digits without end."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if re.fullmatch(r"0o[0-7]+|0x[0-9a-fA-F]+", text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def describe(value: Any) -> str:
    """What kind of thing a value is, in words; never the value itself, which may be a secret."""
    if isinstance(value, Node):
        return describe(value.value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, dict) else "a list"


def told(path: Path, value: Any) -> str:
    """A single value as a message shows it; where there is none, or it may be a secret, what kind of thing it is."""
    value = value.value if isinstance(value, Node) else value
    if not isinstance(value, (str, int, float)) or value == "" or path[:2] == ("connection", "auth"):
        return describe(value)
    keys = [part for part in path if isinstance(part, str)]
    if (path[:1] == ("notify",) and keys[-1] != "format") or any(
        map(looks_secret, keys if isinstance(value, str) else keys[-1:])
    ):
        return describe(value)
    if isinstance(value, str):
        return describe(value) if "@" in value and "://" in value else f"'{shown(value)}'"
    return shown(f"{value:.15g}" if isinstance(value, float) else str(value).lower())


def dotted(path: Iterable[Key]) -> str:
    """A path as it is typed with --set: ``rate.limit``."""
    return ".".join(str(part) for part in path)


def shown(text: str, length: int = 60) -> str:
    """Text for a message: control characters escaped, cut to a length."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= length else text[: length - 1] + "…"


def _syntax(error: Exception, builder: _Builder) -> Problem:
    """The library's complaint as a problem."""
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark) is not None:
        place = builder.place or Mark(builder.file, mark.line + 1, mark.column + 1)
        text = ", ".join(part for part in (error.context, error.problem) if part)
        if "'\\t'" in text:
            return place.problem("a tab: YAML is indented with spaces")
        hints = {
            "mapping values are not allowed": "quote text that holds ': '",
            "cannot start any token": "quote text that begins with a special character",
            "expected the node content": "a value or a closing bracket is missing",
            "expected <block end>": "check the indentation",
            "quoted scalar": "a closing quote is missing",
        }
        hint = next((hint for sign, hint in hints.items() if sign in text), None)
        if "expected ',' or '}', but got '{'" in text:  # where ${NAME} stands between braces
            hint = 'quote it: "${NAME}"'
        return place.problem(f"is not YAML: {shown(text, 120)}", hint)
    return (builder.place or Mark(builder.file)).problem("is not YAML that can be read")
