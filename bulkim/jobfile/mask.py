"""A job file's text as it may be kept: without the secrets that were written into it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.jobfile import hooks
from bulkim.jobfile.connection import secrets_of
from bulkim.redact import MASK, is_hidden, looks_secret, without_assigned
from bulkim.yamltree import Node

_REFERENCE = re.compile(r"""["']?(\$\{[A-Za-z0-9_]+\})+["']?""")
_WORD = re.compile(r"""[^\s"',:=#{}\[\]]+""")
_REPEATED_MIN = 6  # characters: a shorter secret is not looked for elsewhere, it might be any word


def masked(
    text: str,
    file: str,
    root: Node,
    provider: Provider,
    operation: Operation,
    *,
    overrides: Sequence[tuple[str, str]],
) -> str:
    """The file's text with every literal secret as ``***``, and the ``--set`` options below as comments.

    `root` is its tree, into which other files and options may have been put. References to the environment stay.
    """
    secrets = [*_of_connection(root, provider), *_of_items(root, operation)]
    text = _without(text, [node.span for node in secrets if node.span is not None and node.mark.file == file])
    for node in _of_connection(root, provider):
        if len(str(node.value)) >= _REPEATED_MIN:
            text = text.replace(str(node.value), MASK)
    again = {value for node in secrets if len(value := str(node.value)) >= _REPEATED_MIN}
    text = _WORD.sub(lambda word: MASK if word[0] in again else word[0], text)
    text = re.sub(r"#.*", lambda comment: without_assigned(comment[0]), text)
    for key, value in overrides:
        shown = MASK if is_hidden(key, value) else " ".join(value.split())
        text = text.rstrip("\n") + f"\n# --set {key}={shown}\n"
    return text


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with other words in those places, unless they refer to the environment."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        written = text[start:end]
        if not _REFERENCE.fullmatch(written):
            pieces += [text[at:start], f'"{MASK}"' + ("\n" if written.endswith("\n") else "")]
            at = end
    return "".join([*pieces, text[at:]])


def _of_connection(root: Node, provider: Provider) -> Iterator[Node]:
    section = root.child("connection")
    yield from secrets_of(section, provider) if section is not None else ()
    yield from hooks.secrets_of(root)


def _of_items(root: Node, operation: Operation) -> Iterator[Node]:
    items = root.at(("source", "items"))
    for path, node in items.scalars() if items is not None else ():
        names = [part for part in path if isinstance(part, str)]
        if any(name in operation.secrets or looks_secret(name) for name in names):
            yield node
