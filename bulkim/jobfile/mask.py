"""A job file's text as it may be kept: without the secrets that were written into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bulkim.catalogue import Operation
from bulkim.jobfile.connection import secrets_of
from bulkim.jobfile.tree import Node

MASK = "***"
SECRET_NAME = re.compile(r"password|passwd|pwd|secret|token|usersig|certificate", re.IGNORECASE)
_IN_COMMENT = re.compile(
    r"""(\w*(?:password|passwd|pwd|secret|token|usersig|certificate|secret_key)["']?\s*[:=]\s*)"""
    r"""(?!["']?\$\{)["']?[^\s"',}]+""",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"""["']?(\$\{[A-Za-z0-9_]+\})+["']?""")
_REPEATED_MIN = 6  # characters: a shorter secret is not looked for elsewhere, it might be any word


def masked(
    text: str, file: str, root: Node, operation: Operation, overrides: Sequence[tuple[str, str]]
) -> str:
    """The file's text with every literal secret as ``***``, and the ``--set`` options below as comments.

    `root` is its tree, into which other files and options may have been put. References to the environment stay.
    """
    secrets = list(_secrets(root, operation))
    spans = (node.span for node in secrets if node.span is not None and node.mark.file == file)
    for start, end in sorted(spans, reverse=True):
        written = text[start:end]
        if not _REFERENCE.fullmatch(written):
            text = text[:start] + f'"{MASK}"' + ("\n" if written.endswith("\n") else "") + text[end:]
    for value in {str(node.value) for node in secrets}:
        if len(value) >= _REPEATED_MIN:
            text = text.replace(value, MASK)
    text = re.sub(r"#.*", lambda comment: _IN_COMMENT.sub(rf"\1{MASK}", comment[0]), text)
    for key, value in overrides:
        hidden = SECRET_NAME.search(key) or SECRET_NAME.search(value) or key.startswith("connection.auth")
        text = text.rstrip("\n") + f"\n# --set {key}={MASK if hidden else ' '.join(value.split())}\n"
    return text


def _secrets(root: Node, operation: Operation) -> Iterator[Node]:
    """Scalars of the tree that are secrets."""
    if (section := root.child("connection")) is not None:
        yield from secrets_of(section)
    items = root.at(("source", "items"))
    for path, node in items.scalars() if items is not None else ():
        names = [part for part in path if isinstance(part, str)]
        if any(name in operation.secrets or SECRET_NAME.search(name) for name in names):
            yield node
