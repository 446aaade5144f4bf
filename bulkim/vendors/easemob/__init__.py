"""Easemob (环信): the catalogue, page by page. Agora's is made from the same declarations."""

from __future__ import annotations

from bulkim.catalogue.addressing import App, Identity
from bulkim.catalogue.proofs import Bearer, NoAuth, OAuth2Client
from bulkim.catalogue.shapes import Envelope, Provider
from bulkim.vendors.easemob import accounts, attributes, common, errors, groups, mutes, presence, relations

_ROOMS = (accounts, presence, mutes, attributes, relations, groups)
OPERATIONS = tuple(each for room in _ROOMS for each in room.OPERATIONS)
# Accounts and presence draw on the pools of the user system alone.
POOLS = (*common.POOLS, *mutes.POOLS, *attributes.POOLS, *relations.POOLS, *groups.POOLS)
ERRORS = (*groups.ERRORS, *relations.ERRORS, *attributes.ERRORS, *errors.ERRORS)
ENVELOPE = Envelope(
    code="error",
    reason="error_description|desc",  # the attributes service has an envelope of its own: timestamp, desc, duration
    timestamp_ms="timestamp",
    names=("entities.*.username", "data.userid"),
    addresses=("path", "uri"),
)

APP = App(
    keys=("org", "app"),
    root="/{org}/{app}",
    name="{app}",
    target="{org}#{app}",
    about={
        "org": "the organisation, the App Key's part before #. Quote it: it is text.",
        "app": "the app, the App Key's part after #.",
    },
    examples={"base_url": "https://a1.easemob.com", "org": "1122161011178276", "app": "testapp"},
)

EASEMOB = Provider(
    name="easemob",
    label="Easemob",
    identity=Identity(fold="lower"),
    operations=OPERATIONS,
    errors=ERRORS,
    pools=POOLS,
    envelope=ENVELOPE,
    apps=(APP,),
    auth=(Bearer(), OAuth2Client(), NoAuth(operations=("register",))),
)
