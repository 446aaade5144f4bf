"""What each key of a declaration means, for editors and for the reference: one sentence a property.

They stand in a table, so that a program can print them; a test wants one for every field of every shape. What a shape as a
whole is, its docstring says; what a kind of answer means, `bulkim.codes` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from bulkim.catalogue.addressing import App, Identity
from bulkim.catalogue.bodies import Form, FormTree, Json, Names, NoBody, Object, Rows
from bulkim.catalogue.cases import Answered, Case, Sent
from bulkim.catalogue.load import Extension
from bulkim.catalogue.proofs import ApiKey, Basic, Bearer, Digest, NoAuth, OAuth2Client, Signed
from bulkim.catalogue.results import (
    FailuresOnly,
    Lists,
    MapByKey,
    Paging,
    PerItem,
    SplitLists,
    WholeCall,
)
from bulkim.catalogue.shapes import (
    Effect,
    Envelope,
    ErrorRule,
    Field,
    Learn,
    Never,
    Operation,
    Pool,
    Probe,
    Provider,
    ReadBack,
    Repeat,
)
from bulkim.codes import KINDS
from bulkim.model import Kind

VERSION = "The version of the format: 1."
_PAGE = "The vendor's page that says so: an address, or where it lies."
_READ_ON = "When that page was read: `2026-11`. `bulkim check` warns when it is more than a year ago."
_BY = "The item's field whose values the answer names, where that is not the user: `by: group`."
_CODE = "Dotted path, in the row, of the code that says why: `error.code`. `a|b`: whichever is there."
_REASON = "Dotted path, in the row, of the reason in words: `error.message`. `a|b`: whichever is there."
_EQUALS = (
    "What must be in the data that the question brings: path -> value, or a list of values of which it is one. `{is_active: false}`;"
    ' the path "" is the data itself, `a|b` whichever is there.'
)
_SAME = "What of the data must be as the item has it: path -> the item's field. `{displayName: name}`."
_EXTRA = {
    "operations": "What can be done: one entry for each endpoint.",
    "errors": "What the vendor's refusals mean: the first row that fits decides.",
    "pools": "The vendor's limits, each with a name.",
    "hosts": 'Where `base_url` may lead, beside this machine: `["https://*.example.com"]`. Without it a token may go anywhere.',
    "source": _PAGE,
    "read_on": _READ_ON,
}
_PROOF = {
    "identity": "What the job file calls the name beside the secret under `connection.auth`.",
    "secret": "What the job file calls the secret under `connection.auth`: with `secret: api_key` it writes `auth: {api_key: …}`.",
    "help": "What these credentials are, in a sentence, for the job file's schema.",
    "about": "What each key of the job file's `auth` is, for the job file's schema: `{token: An admin's token.}`.",
}

ABOUT: Mapping[type[Any], Mapping[str, str]] = {
    Provider: {
        **_EXTRA,
        "name": "What a job names it by, and what its variables begin with: lower-case letters, digits and `-`.",
        "label": "Its name for people: `Acme Chat`.",
        "identity": "What tells its users apart.",
        "envelope": "Where its answers say how a call went, beside the HTTP status; `{}` where they say nothing.",
        "apps": "How a job's `connection` names the app (the tenant, the company) beside `base_url`: one form, or several to choose from.",
        "auth": "How whoever calls proves who they are: one form, or several to choose from.",
        "quota_of": "The provider whose quota it draws on, where that is another one.",
    },
    Extension: {
        **_EXTRA,
        "name": "What a job names it by: lower-case letters, digits and `-`.",
        "extends": "The built-in provider that it adds to: `easemob`.",
        "label": "Its name for people; else the base's, with this name behind it.",
    },
    Identity: {
        "name": "What the vendor calls it; the fields, bodies and cases of this file use this word: `login`.",
        "fold": "How the vendor compares two of them: `exact`, or `lower` where Anna and anna are one user.",
        "pattern": "What one may look like, as a regular expression that must match all of it: `[a-z][a-z0-9.-]{2,29}`.",
        "bytes_max": "How many bytes of UTF-8 it may have.",
        "chars_max": "How many characters it may have.",
    },
    App: {
        "keys": "What the job's `connection` must say beside `base_url` and `auth`: `[company]`. Without it the address and the credentials say it all: `apps: [{}]`.",
        "name": 'What is typed to confirm a deletion, and what runs are shown with: `"{company}"`. Without keys: the host.',
        "target": 'Whose quota it is: two jobs with one host and one target share their limits. `"{company}"`. Without keys: the host alone.',
        "root": "The path before every operation's own: `/v2`, `/api/{company}`. It is not repeated in an operation's `path`.",
        "numbers": "Those of the keys whose value is a whole number above 0; all others are text.",
        "about": "What each key is, for the job file's schema: `{company: The name in your address.}`.",
        "examples": "A value to start from, for each key or for `base_url`.",
    },
    NoAuth: {**_PROOF, "operations": "What the vendor does for everybody; without it, all.",
             "identity": "Not used.", "secret": "Not used."},
    Bearer: {**_PROOF, "identity": "Not needed: the token says who calls."},
    Basic: dict(_PROOF),
    ApiKey: {
        **_PROOF,
        "header": "The header that the key stands in: `x-api-key`.",
        "query": "Or the query parameter that it stands in.",
        "prefix": 'What stands before the key in the header: `"SSWS "`.',
        "identity": "Not needed: the key says who calls.",
    },
    OAuth2Client: {
        **_PROOF,
        "path": "Where a token is fetched, below the app's root: `/token`.",
        "body": "How it is asked for: as JSON, or as a form.",
        "basic": "Whether id and secret go in the header Authorization, and not in the body.",
        "scope": "The scope that is asked for.",
        "audience": "The audience that is asked for.",
        "life_s": "Seconds that a token lives, where the answer does not say; without it a token lasts until it is refused.",
    },
    Signed: {
        **_PROOF,
        "by": "The algorithm of a built-in vendor.",
        "headers": "The headers that carry it: name -> text with `{signature}`, `{random}` and keys of the connection.",
        "query": "The query parameters that carry it, in the same way.",
    },
    Digest: {
        **_PROOF,
        "algorithm": "How it is digested; with `hmac-` the secret is the key.",
        "over": "What is digested, in this order: `[secret, nonce, timestamp]`. `target` is the path with its query.",
        "headers": 'The headers that carry it: `{X-Signature: "{digest}", X-Nonce: "{nonce}"}`.',
        "joined": 'What stands between the parts: `"\\n"`.',
        "encoding": "How the digest is written.",
    },
    Envelope: {
        "code": "Dotted path of the vendor's code: `error.code`. `a|b`: whichever is there.",
        "reason": "Dotted path of the reason in words: `error.message`. `a|b`: whichever is there.",
        "ok": 'Codes that mean success: `["0"]`. Without it, an answer without a code does.',
        "status": "Dotted path of a field that says success or failure: `result`.",
        "failed": "The value of `status` that means failure: `error`.",
        "timestamp_ms": "Dotted path of the vendor's clock, in milliseconds.",
        "names": "Paths of users whom an answer is about: one who was not asked about makes it another call's answer. `data.*.login` goes through a list.",
        "addresses": "Paths of the address that was called, where answers repeat it: another one makes it another call's answer.",
    },
    Pool: {
        "name": "What operations name it by.",
        "limit": "Calls a second, or as the vendor writes it: `50/s`, `1200/min`, `1000/10s`.",
        "help": "What counts, in a sentence.",
        "source": _PAGE,
        "learn": "Headers of answers that say what is left of it: they may slow bulkim down.",
        "burst": "How many calls may come at once after a wait, inside the limit; without it they come evenly.",
    },
    Learn: {
        "remaining": "The header with the number of calls that are left: `X-RateLimit-Remaining`.",
        "reset": "The header that says when the quota is whole again.",
        "unit": "What `reset` counts: `seconds` from now, or `epoch`, seconds since 1970.",
    },
    ErrorRule: {
        "kind": "What it means, and so what bulkim does.",
        "status": "The HTTP status that it is about; without it, any. Rows of one item inside an answer have none.",
        "code": "The vendor's code that it is about, as text: `\"409\"`; without it, any. An answer without a code has its HTTP status as code.",
        "pattern": "A regular expression that the reason must contain: `is no login`. A group `(?P<user>…)` names the item at fault.",
        "operations": "The operations that it is about; without it, all.",
        "item": "Whether it is one item's own fault: a call of many that is refused so as a whole is taken apart until that item is found.",
        "wait_s": "Seconds to wait at least before it is tried again.",
        "meaning": "What it means, in a sentence, for `bulkim explain`.",
        "remedy": "What to do about it, in a sentence, for `bulkim explain`.",
        "page": _PAGE,
    },
    Operation: {
        "name": "What a job calls it: `register`. A listing is `list-users` or `list-mutes`.",
        "method": "The HTTP method: `POST`.",
        "path": "Its path below the app's root: `/users/{login}`. A segment in braces is a field of the item, or a key of the app.",
        "effect": 'What it does: this decides what "there already" and "not there" mean.',
        "fields": "What an item may say; the user, by the name in `identity`, need not be listed.",
        "body": "What the request carries: the page's body as a tree, or a short form of a usual one.",
        "query": 'Query parameters: name -> a constant, or `"{field}"`.',
        "headers": 'Headers: name -> a constant, `"{field}"`, or `"{$attempt_key}"`, an idempotency key that is the same each time an item is sent again.',
        "content_type": "The Content-Type, where the usual one of the body is not wanted.",
        "statuses": "What an HTTP status means: `{201: succeeded, 404: absent}`. Without it 200 is success; all others are for `errors`.",
        "result": "Where a success says what became of each item.",
        "batch_max": "How many items the vendor takes in one call.",
        "joined": "The field of the path whose values stand there together, with commas: `/users/a,b`.",
        "pools": "The limits that a call counts in, by name, its own first.",
        "doubt": "What to do about an item whose answer never came. Whatever writes must say it.",
        "paging": "How a listing goes from page to page; such an operation takes no items.",
        "options": "Parameters of a listing, which a job gives under `params`.",
        "any_of": "Fields of which an item must give one at least.",
        "otherwise": "What is sent where an item gives none of `any_of`: field -> value. `{until: -1}`.",
        "single": "The endpoint used with `batch: 1`, where the vendor has another one for one item.",
        "destroys": "What goes with it, in the words of the confirmation: `the member and their history`. A delete must say it.",
        "verify": "How `bulkim verify` sees whether it still holds; without it nothing can tell.",
        "inverse": "The operation that takes it back: `unban`.",
        "restored_by": "The operation that sets again what `verify` read before: that is how `undo` restores it.",
        "blind": "What an item that succeeded may hide, so that undoing it could harm: `it may have been there before`.",
        "help": "What it does, in a sentence, for `bulkim operations`.",
        "source": _PAGE,
        "read_on": _READ_ON,
        "cases": "Exchanges from the vendor's page, which `bulkim check` holds the declaration to.",
    },
    Field: {
        "name": "What a job's columns and `params` call it.",
        "wire": "What a request calls it, where that is another name: `displayName`.",
        "key": "Whether it tells items apart: two rows of one user and two groups are two items.",
        "secret": "Whether it is a secret, such as a password: it is sent, and never stored or shown.",
        "optional": "Whether an item may leave it out.",
        "param": "Whether the job may give it once for all, under `params`.",
        "type": "What it is: `str` text, `int` a whole number, `bool` true or false, `map` names and values, `names` a list, `seconds` a time (-1: for ever).",
        "pairs": "Of a map that is sent as a list of objects: what these call the name and the value. `[Tag, Value]`.",
        "default": "What is sent where neither the item nor `params` says it.",
        "sent": "`false`: an item may have it and it is checked, but no request carries it.",
        "fixed": "What is sent in place of the item's own value whenever it gives one.",
        "fallback_of": "Another field: this one is sent only where the item does not give that one.",
        "bytes_max": "How many bytes of UTF-8 it may have.",
        "chars_max": "How many characters it may have.",
        "pattern": "What it may look like, as a regular expression that must match all of it: `[0-9]+`.",
        "minimum": "The least that it may be.",
        "maximum": "The most that it may be.",
        "forever": "What a request says for `-1`, for ever: `4294967295`.",
        "user": "Whether it names another user: then it is compared as users are.",
        "help": "What it is, in a sentence.",
    },
    NoBody: {"content_type": "The Content-Type of a request without a body, where the vendor wants one."},
    Rows: {
        "root": "The key that the array stands under: `users`; without it the array is the body.",
        "single_object": "Whether a call for one item is the bare object.",
    },
    Object: {},
    Names: {
        "root": "The key that the array stands under: `usernames`.",
        "also": "Fields that stand beside it, once for the call.",
        "of": "The field whose values the array holds, where that is not the user.",
    },
    Form: {"of": "The item's field of type `map` that the pairs are taken from."},
    Json: {"tree": "The body. Text that is exactly `\"{field}\"` is that field's value; `{$items: TREE}` is a list with one element an item."},
    FormTree: {"tree": 'The pairs: name -> a text, a number, a truth value, `"{field}"`, or a list of them.'},
    WholeCall: {
        "data": "Dotted path of what a read brings: `user`, `entities.0`.",
        "pick": "Or top-level keys of the answer, which become one object.",
        "accept": "What a success must show: path -> value, or a list of values of which it shows one. `{data.result: true}`.",
        "vague": "Values of `pick` that, all together, are answered of a user who is not there, too.",
    },
    SplitLists: {
        "succeeded": "Dotted path of the list of those that succeeded.",
        "failed": "Dotted path of the list of those that failed.",
        "key": "What the lists' objects call the user: `login`.",
        "already": "Dotted path of the list of those that were so before.",
        "reason": _REASON,
        "code": _CODE,
        "by": _BY,
    },
    PerItem: {
        "items": "Dotted path of the list with a row for each item: `results`.",
        "key": "What a row calls the user: `login`.",
        "code": _CODE + " A truth value is the code `name=true`.",
        "ok": 'Codes that mean success: `["201"]`. All others are looked up in `errors`.',
        "reason": _REASON,
        "state": "Dotted path, in the row, of a state that may contradict a code of success: its value is looked up in `errors` as a code.",
        "value": "Of a read: dotted path, in the row, of what is returned; without it, the whole row.",
        "pairs": "Of a read: `value` is a list of names and values under these two keys, and becomes a map. `[Tag, Value]`.",
        "others": "Dotted path of a list of bare users beside it; for one of whom no row speaks, the list's name is the code.",
        "by": _BY,
    },
    Lists: {
        "succeeded": "Dotted path of the list of the users that succeeded.",
        "failed": "Dotted paths of lists of users that failed; a list's name is their code.",
        "by": _BY,
    },
    FailuresOnly: {
        "failed": "Dotted path of the list of those that failed; it may be absent.",
        "key": "What the list's objects call the user; without it, it is a list of bare users.",
        "code": _CODE,
        "reason": _REASON,
        "by": _BY,
    },
    MapByKey: {
        "at": "Dotted path of the mapping user -> value, or of a list of such pairs or of bare users.",
        "key": "What the objects of a list call the user.",
        "value": "With `key`: dotted path, in the object, of what is returned; without it, the whole object.",
        "by": _BY,
        "missing": "What it means that a user is not there: `unknown`, `absent`, `already`, or `empty`, a success without data.",
    },
    Paging: {
        "items": "Dotted path of the page's list: `members`; \"\" where the page is the list.",
        "key": "What its objects call the user: `id`.",
        "size": "The parameter of the page's size: `limit`. Its value is `batch_max`.",
        "by": "How the next page is asked for: by `cursor`, by page `number`, by `offset`, by the address that the answer gives (`next-url`), or by a header Link.",
        "at": "The parameter of the cursor, the number or the offset: `cursor`, `page`.",
        "cursor": "Dotted path, in the answer, of the next cursor or the next page's address: `next`. The last page has none.",
        "first": "The number of the first page, with `by: number`.",
        "within": "Where the parameters stand: in the query or in the body.",
        "merge": "Whether rows that repeat a user are one item: a list with a row a scope.",
    },
    Repeat: {
        "because": "Why a second sending of a create creates nothing, as the vendor says it: `a login is unique: it answers 409 taken`.",
    },
    Probe: {
        "operation": "The operation that reads one user: `get-user`.",
        "created": "The data's field with the time of its creation, in milliseconds: one before the first doubtful sending was not ours.",
        "exists": 'Whether the user must be there, or not be there, for "it was done".',
        "equals": _EQUALS,
        "same": _SAME,
        "remaining": "Fields of the item that the data counts down from: times that remain.",
        "already": "The code of an item that turns out to have been so before.",
        "not_done": "What follows when it was not done: `send` it again, or end as `unknown`.",
        "nobody": "What follows when there is no such user: `send` it again, or end as `absent`.",
    },
    Never: {},
    ReadBack: {
        "operation": "The operation that reads one user: `get-user`.",
        "exists": "Whether the user must be there, or not be there.",
        "equals": _EQUALS,
        "same": _SAME,
        "remaining": "Fields of the item that the data counts down from: 0 must be 0, anything else above 0.",
        "holds": "The item's field whose values the data must have.",
        "lacks": "The item's field of which the data must have nothing.",
        "among": "The key, in a list of objects, that `holds` and `lacks` look at.",
        "lasting": "The item's field of seconds for which `holds` is so; with 0 it is `lacks`.",
    },
    Case: {
        "items": "The items that are sent: `[ann]`, or `[{login: ann, dept: sales}]`.",
        "request": "The request that the page shows for them.",
        "reply": "The answer that the page shows.",
        "outcomes": "What the answer means, one kind an item: `[succeeded, rejected]`.",
        "codes": "The codes that the items end with, one an item, where they matter.",
        "app": "The keys of the app that the page shows; what is not given is made up.",
        "at": "Of a listing: the cursor or number of the page that is asked for.",
        "listed": "Of a listing: the users that the page brings.",
        "next": "Of a listing: the cursor or number of the next page; without it this is the last.",
        "source": "The page that shows it, and when it was read.",
    },
    Sent: {
        "method": "The HTTP method.",
        "path": "The path, with or without the app's root: `/members/ann` or `/v2/members/ann`. Keys in the root are those of `app`.",
        "query": "The query parameters, all of them; without it they are not compared.",
        "headers": "Headers that must be there, credentials aside.",
        "json": "The body as JSON.",
        "form": "The body as a form.",
        "text": "The body as it is.",
    },
    Answered: {
        "status": "The HTTP status.",
        "json": "The body as JSON.",
        "text": "The body, where it is no JSON.",
        "headers": 'The headers that matter: `{Retry-After: "1"}`.',
    },
}  # fmt: skip

_EFFECTS: Mapping[Effect, str] = {
    Effect.CREATE: "Makes a user: one who is there already is unchanged.",
    Effect.ENSURE: "Sets a state: a user who is not there has failed.",
    Effect.DELETE: "Takes a user away: one who is not there is unchanged.",
    Effect.READ: "Reads: it may be repeated without harm.",
    Effect.DISRUPT: "Does something to a person each time it is sent, such as signing them out.",
}


def of_choice(choice: Enum) -> str:
    """What one of an enumeration's words means."""
    if isinstance(choice, Effect):
        return _EFFECTS[choice]
    assert isinstance(choice, Kind)
    about = KINDS[choice.value]
    return f"{about.meaning[0].upper()}{about.meaning[1:]}; bulkim {about.follows}."
