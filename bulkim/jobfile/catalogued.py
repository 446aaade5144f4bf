"""Shapes that the catalogue fills in: a connection's app keys and credentials, and the job around them.

Every provider's keys are known at once, so that a key of another vendor's is called by its name and not unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, create_model

from bulkim.catalogue.proofs import AuthForm, NoAuth, auth_keys, variable
from bulkim.catalogue.shapes import Provider
from bulkim.jobfile.scalars import Address, Line, Number, Segment, Shape, Text
from bulkim.jobfile.schema import CONNECTION, JobShape


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of a mapping that is made from the catalogue."""

    name: str
    description: str
    example: str | None = None
    number: bool = False


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of `auth`, as some provider takes it."""

    help: str
    keys: tuple[_Key, ...]

    @property
    def tag(self) -> str:
        return f"<{' '.join(each.name for each in self.keys)}>"


def job_shape(providers: Mapping[str, Provider]) -> type[JobShape]:
    """The shape of a job that may use these providers."""
    address = next(
        (
            app.examples["base_url"]
            for one in providers.values()
            for app in one.apps
            if "base_url" in app.examples
        ),
        None,
    )
    return _job_shape(tuple(_app_keys(providers.values())), tuple(auth_forms(providers.values())), address)


def auth_words(providers: Mapping[str, Provider]) -> tuple[str, ...]:
    """All keys that may stand under `auth`."""
    return tuple(
        dict.fromkeys(key for one in providers.values() for each in one.auth for key in auth_keys(each))
    )


@lru_cache(maxsize=32)
def _job_shape(apps: tuple[_Key, ...], forms: tuple[_Form, ...], address: str | None) -> type[JobShape]:
    connection = _connection(apps, forms, address)
    ref = Annotated[
        Annotated[Text, Tag("<name>")] | Annotated[connection, Tag("<mapping>")],  # type: ignore[valid-type]
        Discriminator(lambda value: "<name>" if isinstance(value, str) else "<mapping>"),
    ]
    return create_model(
        "JobShape",
        __base__=JobShape,
        __doc__=JobShape.__doc__,
        connection=(ref, Field(description=CONNECTION)),
    )


def _connection(apps: tuple[_Key, ...], forms: tuple[_Form, ...], address: str | None) -> type[Shape]:
    fields: dict[str, Any] = {
        "base_url": (
            Address,
            Field(
                description="The vendor's REST host, without a path. https, or http to this machine.",
                examples=[address] if address else None,
            ),
        ),
        **{each.name: _optional(each) for each in apps},
        "auth": (
            _auth(forms),
            Field(description="How bulkim proves who it is. Keep secrets out of the file: write ${VAR}."),
        ),
        "environment": (
            Line | None,
            Field(
                default=None,
                description="A label. At `production`, destroying needs --confirm APP:COUNT.",
                examples=["production", "staging"],
            ),
        ),
        "allow_http": (
            bool,
            Field(
                default=False,
                description="Allow plain http:// to other machines: the token then travels in clear.",
            ),
        ),
    }
    doc = "One app at one vendor. `${VAR}` is replaced from the environment here and in `notify`, and nowhere else in the file."
    return create_model("ConnectionShape", __base__=Shape, __doc__=doc, **fields)


def _optional(key: _Key) -> tuple[Any, Any]:
    examples: list[Any] | None = None
    if key.example is not None:
        examples = [int(key.example) if key.number else key.example]
    kind: Any = Number if key.number else Segment
    return kind | None, Field(default=None, description=key.description, examples=examples)


def _auth(forms: tuple[_Form, ...]) -> Any:
    members = [
        Annotated[_auth_shape(each), Tag(each.tag)]
        if each.keys
        else Annotated[Literal["none"], Tag("<none>")]
        for each in forms
    ]

    def form_of(value: Any) -> str | None:
        """The form with most of the keys that are there."""
        if value == "none":
            return "<none>"
        keys = set(
            type(value).model_fields
            if isinstance(value, BaseModel)
            else value
            if isinstance(value, dict)
            else ()
        )
        found = max(forms, key=lambda form: len(keys.intersection(each.name for each in form.keys)))
        return found.tag if keys.intersection(each.name for each in found.keys) else None

    if len(members) == 1:
        return members[0]
    told = Discriminator(
        form_of, custom_error_type="form", custom_error_message=f"expected {_offered(forms)}"
    )
    return Annotated[reduce(or_, members), told]


def _offered(forms: tuple[_Form, ...]) -> str:
    names = [[key.name for key in each.keys] or ["none"] for each in forms]
    words = [f"a {name[0]}" if name == ["token"] else " and ".join(name) for name in names]
    return (
        ", ".join(words[:-1]) + (", or " if len(words) > 2 else " or ") + words[-1] if words[1:] else words[0]
    )


def _auth_shape(form: _Form) -> type[Shape]:
    fields: dict[str, Any] = {
        each.name: (Line, Field(description=each.description, examples=[each.example])) for each in form.keys
    }
    name = "".join(word.capitalize() for each in form.keys[-1:] for word in each.name.split("_"))
    return create_model(f"{name}Auth", __base__=Shape, __doc__=form.help, **fields)


# ----------------------------------------------------------------------------- out of the catalogue


def _app_keys(providers: Iterable[Provider]) -> Iterator[_Key]:
    """The keys of all apps, each once, with the vendors that know it."""
    said: dict[str, tuple[list[str], _Key]] = {}
    for one in providers:
        for app in one.apps:
            for name in app.keys:
                key = _Key(
                    name,
                    app.about.get(name, "what names the app."),
                    app.examples.get(name),
                    name in app.numbers,
                )
                labels, _ = said.setdefault(name, ([], key))
                if one.label not in labels:
                    labels.append(one.label)
    for labels, key in said.values():
        yield _Key(key.name, f"{' and '.join(labels)}: {key.description}", key.example, key.number)


def auth_forms(providers: Iterable[Provider]) -> Iterator[_Form]:
    """All forms of credentials, each once, with the vendors that take it; `none` last."""
    said: dict[tuple[str, ...], tuple[list[str], str, AuthForm]] = {}
    for one in providers:
        for each in one.auth:
            labels, *_ = said.setdefault(auth_keys(each), ([], one.name, each))
            labels.append(one.label)
    for keys, (labels, provider, form) in sorted(said.items(), key=lambda each: not each[0]):
        about = [_Key(key, form.about.get(key, f"{key}."), variable(provider, key)) for key in keys]
        first, _, rest = form.help.partition(":")
        where = ", ".join(labels)
        help_ = f"{first} ({where}):{rest}" if rest else f"{form.help.rstrip('.')} ({where})."
        if keys or isinstance(form, NoAuth):
            yield _Form(help_, tuple(about))
