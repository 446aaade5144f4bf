"""From a file or a mapping to a `Job`, or to everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from bulkim.catalogue.addressing import app_keys
from bulkim.catalogue.load import load as load_provider
from bulkim.catalogue.shapes import Operation, Provider
from bulkim.errors import InputError, Problem
from bulkim.jobfile import checks, connection, given, hooks, place
from bulkim.jobfile.catalogued import auth_words, job_shape
from bulkim.jobfile.complaints import complaints
from bulkim.jobfile.mask import masked
from bulkim.jobfile.overrides import value_of
from bulkim.jobfile.recorded import recorded_connection, recorded_sections
from bulkim.jobfile.sources import Making
from bulkim.model import FILE_KINDS, Guard, Job, Rate
from bulkim.window import Window
from bulkim.window import parse as parse_window
from bulkim.yamltree import Mark, Node, describe, dotted, parse, told

# The emulator's app at a provider, as a job file's `connection` would write it. Raises KeyError: it has none there.
Sandbox = Callable[[Provider], Mapping[str, Any]]


def load(
    job: Path | Mapping[str, Any],
    *,
    env: Mapping[str, str],
    providers: Mapping[str, Provider],
    overrides: Sequence[tuple[str, str]] = (),
    sandbox: Sandbox | None = None,
    vendor_text: str | None = None,
    now: float | None = None,
    items: Iterable[Mapping[Any, Any] | str] | None = None,
    unset: bool | str = False,
    also: Callable[[Written], Iterable[Problem]] = lambda _: (),
) -> Job:
    """The job in a YAML or JSON file, or in a mapping of the same keys. Raises InputError with every problem that it has.

    A mapping needs a `name`, by which its unfinished run is found again; its paths are relative to the current folder.

    `overrides` are ``--set`` pairs: a dotted path and a value in YAML. With `sandbox` the connection is replaced by
    what it answers for the provider, and no environment variable is needed. `vendor_text` stands for the file that
    ``provider: ./FILE`` names: an earlier run's, which needs no file. `items` stand for its `source`. `now` (Unix seconds) is what ages like ``7d`` count from.
    With `unset`, variables of the connection may be unset, or only those below that key of it: `Job.unset` names them, and such a job can be looked at but not sent.
    `also` judges the job as it was written, where provider and operation are known.
    """
    taken = None if items is None else given.taken_in(items)
    if isinstance(job, Path):
        path = Path(place.label(job))
        text, digest = place.read(job)
        origin = Origin.STREAM if place.is_stream(job) else Origin.FILE
    else:
        if taken is None:
            job, taken = given.apart(job)
        path, text, origin = Path(given.NAME), given.as_text(job), Origin.MAPPING
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    reading = _Reading(path, text, providers, sandbox=sandbox, origin=origin)
    reading.may_be_unset = unset
    reading.vendor_text, reading.taken = vendor_text, taken
    changes = tuple(overrides)
    if items is not None and taken is not None:
        overrides = [*overrides, ("source", json.dumps({"items": given.standing_for(taken)}))]
    reading.override(pair for pair in overrides if not pair[0].startswith("connection."))
    reading.resolve_connection(env, [pair for pair in overrides if pair[0].startswith("connection.")])
    reading.resolve_hooks(env)
    reading.judge()
    if reading.provider is not None and reading.operation is not None:
        reading.problems += also(Written(reading.root, *reading.written, reading.provider, reading.operation))
    if reading.problems:
        raise InputError(_in_order(reading.problems, str(path)))
    built = reading.job(time.time() if now is None else now, overrides)
    names = tuple(dict.fromkeys(each.name for each in reading.unset))
    return replace(built, digest=digest, changes=changes, unset=names)


class Written(NamedTuple):
    """A job as it was written, with ``--set`` changes in it."""

    root: Node  # its connection is filled in
    connection: Mapping[str, Any]  # before the environment
    named: str | None  # its name in connections.yaml
    provider: Provider
    operation: Operation


class Origin(Enum):
    """What a job was read from."""

    FILE = "file"
    STREAM = "stream"  # a pipe: its name is not the job's, and it is not there any more tomorrow
    MAPPING = "mapping"  # a program's: places in it are keys


def _in_order(problems: Iterable[Problem], first: str) -> list[Problem]:
    """Without repetitions, the job file's before other files', from top to bottom."""
    return sorted(
        dict.fromkeys(problems),
        key=lambda each: (each.file != first, each.file, each.line or 0, each.column or 0),
    )


def _window(data: str | Mapping[str, Any] | None) -> Window | None:
    if data is None:
        return None
    return parse_window(data) if isinstance(data, str) else parse_window(data["hours"], data["zone"])


class _Reading:
    """One file on its way to a job; problems are collected, not raised."""

    def __init__(
        self,
        path: Path,
        text: str,
        providers: Mapping[str, Provider],
        *,
        sandbox: Sandbox | None,
        origin: Origin,
    ) -> None:
        self.path, self.text, self.providers, self.sandbox = path, text, providers, sandbox
        self.vendor_text: str | None = None
        self.taken: given.Items | None = None  # a program's items, of which the text has none
        self.may_be_unset: bool | str = False
        self.unset: list[connection.Unset] = []
        self.shape = job_shape(providers)
        self.origin = origin
        self.folder = path.parent if origin is Origin.FILE else Path()  # where relative places start
        self.root, self.problems = parse(text, str(path))
        if origin is Origin.MAPPING:
            given.mark_by_keys(self.root)
        if not isinstance(self.root.value, dict):
            message = f"a job is a mapping, this is {describe(self.root)}"
            raise InputError([*self.problems, self.root.mark.problem(message, "begin with `provider:`")])
        # ids of nodes whose value is not known: nothing more is said about them
        self.excused: set[int] = set()
        self.given: dict[int, tuple[Node, str]] = {}  # --set values, and as the shell gave them
        # the connection, before the environment
        self.written: tuple[Mapping[str, Any], str | None] = ({}, None)
        self.provider: Provider | None = None
        self.operation: Operation | None = None

    # ---- --set

    def override(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Puts ``--set`` values into the tree."""
        for key, text in pairs:
            mark = Mark(given.GIVEN if key == "source" and self.taken is not None else f"--set {key}")
            try:
                value, problems = value_of(key, text, mark, self.shape)
            except InputError as error:
                self.problems += error.problems
                continue
            self.problems += problems
            self._put(key, value, mark)
            self.given[id(value)] = value, text

    def _put(self, key: str, value: Node, mark: Mark) -> None:
        *parents, last = key.split(".")
        if not all((*parents, last)):
            self.problems.append(mark.problem("is not a key such as rate.limit"))
            return
        node = self.root
        for done, part in enumerate(parents, 1):
            if part not in node.value:
                node.value[part] = Node({}, mark)
                node.keys[part] = mark
            node = node.value[part]
            if not isinstance(node.value, dict):
                what = f"{dotted(parents[:done])} is {told(tuple(parents[:done]), node)}, and has no keys"
                self.problems.append(mark.problem(what))
                return
        node.value[last], node.keys[last] = value, mark

    # ---- connection

    def resolve_connection(self, env: Mapping[str, str], overrides: Sequence[tuple[str, str]]) -> None:
        """Looks up a connection that is named, and fills in the environment."""
        section, name = self.root.child("connection"), None
        if section is not None and isinstance(section.value, str):
            self._expand(section, env)
            if id(section) in self.excused or not section.value:
                return
            try:
                entry, problems = connection.look_up(section, self.folder / self.path.name)
            except InputError as error:
                self.problems += error.problems
                self.excused.add(id(section))
                return
            self.problems += problems
            self.root.value["connection"], name = entry, section.value
        self.override(overrides)
        section = self.root.child("connection")
        if section is not None and not isinstance(section.value, str):
            if isinstance(section.value, dict):
                self.written = section.plain(), name
            self._expand(section, env)

    def _expand(self, section: Node, env: Mapping[str, str]) -> None:
        if self.sandbox is not None:
            self.excused |= {id(node) for _, node in section.scalars() if connection.has_variable(node)}
            return
        for node, problem, unset in connection.expand(section, env):
            self.excused.add(id(node))
            if unset is not None and unset.path and self.may_be_unset in {True, unset.path[0]}:
                self.unset.append(unset)
            else:
                self.problems.append(problem)

    def resolve_hooks(self, env: Mapping[str, str]) -> None:
        """Fills the environment into whom the end is told. A rehearsal tells nobody, and what looks on need not know them."""
        section = self.root.child("notify")
        if section is None:
            return
        idle = self.sandbox is not None
        for node, problem, unset in connection.expand(section, {} if idle else env):
            if unset is None or not (idle or self.may_be_unset):
                self.excused.add(id(node))
                self.problems.append(problem)
                continue
            self.unset += [] if idle else [unset._replace(path=("notify", *unset.path))]
            node.value = connection.nowhere(unset.name)

    # ---- provider

    def _declared(self) -> Provider | Problem | None:
        """The provider of a file that the job names; a problem of it, the others are noted; None: it names none."""
        node = self.root.child("provider")
        if (
            node is None
            or not isinstance(node.value, str)
            or node.value in self.providers
            or not place.names_a_provider(node.value)
        ):
            self.vendor_text = None
            return None
        path = place.own_provider(node.value) or self.folder / os.path.expanduser(node.value)  # noqa: PTH111 - never raises
        try:
            if self.vendor_text is None:
                self.vendor_text = place.text_of(path, missing="`provider:` is a built-in's name or a file")
            found = load_provider(self.vendor_text, place.label(path), self.providers)
        except InputError as error:
            self.problems += error.problems[1:]
            return error.problems[0]
        if found.name in self.providers:
            return node.mark.problem(f"provider: {found.name} is a built-in one", "give yours another name")
        self.providers = {**self.providers, found.name: found}
        self.shape = job_shape(self.providers)
        return found

    # ---- judging

    def judge(self) -> None:
        """Shape first, then what the catalogue says about the sections whose shape is right."""
        declared = self._declared()
        if isinstance(declared, Problem):  # what it declares would be called unknown
            self.problems.append(declared)
            return
        self.problems += connection.without(self.unset, self.providers.values())
        broken = set()
        places = {
            (each.file, each.line, each.column) for each in self.problems
        }  # one problem a place is enough
        try:
            self.shape.model_validate(self.root.plain())
        except ValidationError as error:
            for path, problem in complaints(error, self.root, self.shape, auth_words(self.providers)):
                if id(self.root.at(path)) in self.excused:
                    continue
                broken.add(path[0] if path else None)
                if (problem.file, problem.line, problem.column) not in places:
                    self.problems.append(problem)
        provider = declared or checks.find_provider(self.root, self.providers)
        self.provider = provider if isinstance(provider, Provider) else None
        operation = checks.find_operation(self.root, self.provider, self.providers)
        self.operation = operation if isinstance(operation, Operation) else None
        self.problems += [each for each in (provider, operation) if isinstance(each, Problem)]
        self._params_as_given()
        if self.sandbox is not None and self.provider is not None:
            try:
                self.sandbox(self.provider)
            except KeyError:
                message = f"provider: the sandbox has no {self.provider.name}"
                mark = self.root.mark_of(("provider",))
                self.problems.append(mark.problem(message, "leave --sandbox out, at a test app of its own"))
        if self.origin is not Origin.FILE and not self.root.child("name"):
            self.problems.append(self._nameless())
        if self.provider is not None and self.operation is not None:
            found = self._checked(self.provider, self.operation, broken)
            self.problems += connection.elsewhere(found, self.unset)

    def _params_as_given(self) -> None:
        """A ``--set`` value of a param that is text is the text that the shell gave."""
        params = self.root.child("params")
        fields = checks.param_fields(self.operation) if self.operation is not None else {}
        for name, node in (
            params.value.items() if params is not None and isinstance(params.value, dict) else ()
        ):
            if id(node) in self.given and name in fields and fields[name].type == "str":
                text = self.given[id(node)][1]
                node.value = node.value if isinstance(node.value, str) and text[:1] in "\"'" else text

    def _nameless(self) -> Problem:
        if self.origin is Origin.MAPPING:
            return self.root.mark.problem("needs the key 'name': a file would have one")
        message = (
            "needs the key 'name': a job from a pipe has no file name, and its runs are found again by it"
        )
        return self.root.mark.problem(message, "write name: NAME into it, or add --set name=NAME")

    def _checked(
        self, provider: Provider, operation: Operation, broken: set[str | int | None]
    ) -> Iterator[Problem]:
        root = self.root
        auth = root.at(("connection", "auth"))
        opened = auth is not None and auth.value == "none"
        by_section = {
            "connection": self._checked_connection(provider, operation),
            "params": checks.check_params(root, operation),
            "source": chain(checks.check_source(root, operation, provider), self._one_stdin()),
            "rate": checks.check_pools(root, provider),
            "batch": checks.check_batch(root, operation, open_registration=opened),
            "guard": checks.check_guard(root, operation),
            "snapshot": checks.check_snapshot(root, operation, provider),
            "window": checks.check_window(root),
            "notify": hooks.check(root),
        }
        return chain.from_iterable(found for name, found in by_section.items() if name not in broken)

    def _one_stdin(self) -> Iterator[Problem]:
        source = self.root.child("source")
        if self.path.name != place.label(place.STDIN) or source is None or not isinstance(source.value, dict):
            return
        for kind in FILE_KINDS:
            node = source.child(kind)
            if node is not None and node.value == "-":
                message = f"source.{kind}: standard input is the job file already"
                yield node.mark.problem(message, "give the job as a file or as <(...), or name a file here")

    def _checked_connection(self, provider: Provider, operation: Operation) -> Iterator[Problem]:
        section = self.root.child("connection")
        if section is not None and isinstance(section.value, dict):
            known = dict.fromkeys(key for one in self.providers.values() for key in app_keys(one.apps))
            yield from connection.check(section, section.plain(), provider, operation.name, known)

    # ---- building

    def job(self, now: float, overrides: Sequence[tuple[str, str]]) -> Job:
        """The job of a file without problems."""
        assert self.provider is not None
        assert self.operation is not None
        plain = self.root.plain()
        if self.sandbox is not None:
            plain["connection"] = self.sandbox(self.provider)
        data = self.shape.model_validate(plain).model_dump()
        target = connection.build(self.provider, data["connection"])
        rate, guard = data["rate"], data["guard"]
        here = self.path if self.origin is Origin.FILE else None
        making = Making(self.folder, here, self.provider, self.operation)
        return Job(
            name=data["name"] or self.path.stem,
            provider=self.provider.name,
            operation=self.operation.name,
            connection=target,
            source=making.source(data["source"], self.root.child("source"), now, self.taken),
            params=checks.typed_params(self.operation, data["params"]),
            rate=Rate(rate["limit"], rate["share"], rate["pools"], rate["max_rest"]),
            concurrency=None if data["concurrency"] == "auto" else data["concurrency"],
            timeout_s=float(data["timeout"]),
            retries=data["retries"],
            batch=1 if target.auth.kind == "none" else data["batch"],
            snapshot=data["snapshot"],
            guard=Guard(tuple(guard["protect"]), guard["max_items"], guard["max_failures"], guard["canary"]),
            window=_window(data["window"]),
            notify=hooks.built(data["notify"]),
            vendor_text=self.vendor_text,
            path=place.absolute(self.path) if self.origin is Origin.FILE else None,
            rehearsal=self.sandbox is not None,
            text=masked(
                self.text, str(self.path), self.root, self.provider, self.operation, overrides=overrides
            ),
            recorded={
                "connection": recorded_connection(self.provider, *self.written),
                **recorded_sections(self.root),
            },
        )
