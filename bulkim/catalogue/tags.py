"""The words by which a written catalogue tells the shapes of a union apart: ``body: {rows: {root: users}}``.

``json``, ``form`` and the like stay free for trees; what is declared here keeps its word for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from bulkim.catalogue.proofs import ApiKey, Basic, Bearer, Digest, NoAuth, OAuth2Client, Signed
from bulkim.catalogue.shapes import (
    FailuresOnly,
    Form,
    FormTree,
    Json,
    Lists,
    MapByKey,
    Names,
    Never,
    NoBody,
    Object,
    PerItem,
    Probe,
    Repeat,
    Rows,
    SplitLists,
    WholeCall,
)

FORMAT = 1  # what stands under a file's first key, ``provider:``
TAGS: Mapping[type[Any], str] = {
    NoBody: "none",
    Rows: "rows",
    Object: "object",
    Names: "names",
    Form: "form-of",
    Json: "json",
    FormTree: "form",
    WholeCall: "whole-call",
    SplitLists: "split-lists",
    PerItem: "per-item",
    Lists: "lists",
    FailuresOnly: "failures-only",
    MapByKey: "map-by-key",
    Repeat: "repeat",
    Probe: "probe",
    Never: "never",
    NoAuth: "none",
    Bearer: "bearer",
    Basic: "basic",
    Digest: "digest",
    ApiKey: "api-key",
    OAuth2Client: "oauth2-client",
    Signed: "signed",
}


VERBATIM: Mapping[type[Any], str] = {
    Json: "tree",
    FormTree: "tree",
}  # what stands below their tag is this field


def members(annotation: Any) -> tuple[Any, ...]:
    """What a union may be, without None; of anything else, the annotation alone."""
    if get_origin(annotation) not in {Union, UnionType}:
        return (annotation,)
    return tuple(each for each in get_args(annotation) if each is not type(None))
