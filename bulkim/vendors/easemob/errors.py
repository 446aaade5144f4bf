"""What Easemob answers when it refuses, and what follows. Agora Chat runs the same backend and shares the table.

The first row that matches decides. A row's pattern is searched in ``error_description``; its group ``user`` names the
culprit in a call of many. An answer without a JSON error body has its HTTP status as its code.
"""

from __future__ import annotations

from bulkim.catalogue.shapes import ErrorRule
from bulkim.model import Kind
from bulkim.vendors.easemob.common import CORRECT, PAGES, REGISTER_FIRST

ERRORS_PAGE = f"{PAGES}error.html"
REGISTER_PAGE = f"{PAGES}account_register_authorized_batch.html"
DELETE_PAGE = f"{PAGES}account_delete_single.html"
MUTE_PAGE = f"{PAGES}user_global_mute.html"
ATTRIBUTES_PAGE = f"{PAGES}userprofile.html"
LIMITS_PAGE = f"{PAGES}limitationapi.html"
TOKEN_PAGE = "https://doc.easemob.com/product/easemob_app_token.html"  # noqa: S105 - a page

_EXISTING = (
    ErrorRule(
        kind=Kind.REJECTED,
        status=400,
        code="duplicate_unique_property_exists",
        pattern=r"the same user \[?(?P<user>[^\s\]]+)\]? has a different password",
        item=True,
        meaning="One request names a user twice with two passwords; the vendor registers nobody.",
        remedy="Give the user one row. bulkim removes duplicates first, so another program may be writing too.",
        page=REGISTER_PAGE,
    ),
    ErrorRule(
        kind=Kind.ALREADY,
        status=400,
        code="duplicate_unique_property_exists",
        pattern=r"(?:value of|the) \[?(?P<user>[^\s\]]+?)\]? (?:already )?exists",
        item=True,
        meaning="The username is taken: the user was registered before.",
        remedy="Nothing, if the user is meant to be there. Otherwise choose another username.",
        page=REGISTER_PAGE,
    ),
    ErrorRule(
        kind=Kind.ALREADY,
        status=400,
        code="duplicate_unique_property_exists",
        item=True,
        meaning="A username of the request is taken; the vendor does not say which.",
        remedy="Nothing: bulkim splits the request until it finds the one.",
        page=REGISTER_PAGE,
    ),
)

_ILLEGAL = (
    ErrorRule(
        kind=Kind.POISONED,
        status=400,
        code="illegal_argument",
        pattern=r"(?i)request body (?:array size|exceeds maximum limit)",
        meaning="The request names more users than the vendor takes at once.",
        remedy="Nothing: bulkim splits the request. Set `batch:` lower to avoid it.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.POISONED,
        status=400,
        code="BAD_REQUEST",
        pattern=r"(?i)exceed allowed batch size",
        meaning="The request names more users than the vendor takes at once.",
        remedy="Nothing: bulkim splits the request. Set `batch:` lower to avoid it.",
        page=ATTRIBUTES_PAGE,
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        status=400,
        code="illegal_argument",
        pattern=r"username \[?(?P<user>[^\]]*?)\]? is not legal",
        item=True,
        meaning="The username holds something other than a-z, 0-9, _ - and dot.",
        remedy="Change the username in the source and run the job again.",
        page=REGISTER_PAGE,
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        status=400,
        code="illegal_argument",
        item=True,
        meaning="A field is missing, too long or malformed; the reason names it (USERNAME_TOO_LONG: over 64 bytes, "
        "NICKNAME_TOO_LONG: over 100 characters, password or pin must provided: no password).",
        remedy=CORRECT,
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=400,
        code="json_parse",
        meaning="The vendor could not read the request's JSON.",
        remedy="Something between here and the vendor changed the request: look for a proxy. If there is none, report a bug.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=400,
        code="service open exception",
        meaning="The function is not enabled for the app: nothing on the list can be done before it is.",
        remedy="Have it enabled in the vendor's console.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=400,
        code="Bad Request",
        pattern=r"(?i)\bapp(?:key)?\b.*\bnot open\b",
        meaning="The function is not enabled for the app: nothing on the list can be done before it is.",
        remedy="Have it enabled in the vendor's console.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.THROTTLED,
        status=400,
        pattern=r"(?i)too many queries",
        meaning="Too many requests at a time.",
        remedy="Nothing: bulkim waits and goes on.",
        page=ERRORS_PAGE,
    ),
)

_ABSENT = tuple(
    ErrorRule(
        kind=Kind.ABSENT, status=status, code=code, item=True, meaning=meaning, remedy=remedy, page=page
    )
    for status, code, meaning, remedy, page in (
        (
            400,
            "management",
            "There is no such user; delete says so in one of two ways.",
            "Nothing, if you are deleting. Otherwise check the username.",
            DELETE_PAGE,
        ),
        (
            404,
            "service_resource_not_found",
            "There is no such user.",
            "Nothing, if you are deleting. If a listing shows the user all the same, delete by uuid.",
            DELETE_PAGE,
        ),
        (
            400,
            "required_property_not_found",
            "There is no such user; this is how mutes say it.",
            REGISTER_FIRST,
            MUTE_PAGE,
        ),
        (
            404,
            "entity_not_found",
            "There is no such user; this is how a password change says it.",
            REGISTER_FIRST,
            ERRORS_PAGE,
        ),
        (404, "resource_not_found", "There is no such user.", REGISTER_FIRST, ERRORS_PAGE),
    )
)

_CREDENTIALS = (
    ErrorRule(
        kind=Kind.FATAL,
        code="invalid_grant",
        meaning="The token endpoint refuses the client id or the client secret.",
        remedy="Copy both again from the vendor's console into the environment variables that `connection.auth` names.",
        page=TOKEN_PAGE,
    ),
    ErrorRule(
        kind=Kind.UNAUTHORIZED,
        status=401,
        code="unauthorized",
        meaning="The token is missing, expired or not one of this app. Register says it as 'registration is not open' "
        "or 'Open registration doesn't allow'.",
        remedy="bulkim renews the token once. If it is refused again, check that the credentials belong to this org and app.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.UNAUTHORIZED,
        status=401,
        code="auth_bad_access_token",
        meaning="The token is corrupt, a user's instead of the app's, or another app's.",
        remedy="Use an app token of this org and app.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.UNAUTHORIZED,
        status=401,
        meaning="The vendor does not accept the credentials.",
        remedy="bulkim renews the token once. If it is refused again, check `connection.auth`.",
        page=ERRORS_PAGE,
    ),
)

_PLAN = (
    ErrorRule(
        kind=Kind.EXHAUSTED_PLAN,
        status=403,
        code="exceed_limit",
        meaning="A quota of the plan is used up.",
        remedy="Raise the plan, or wait for the quota's next day: it starts at 00:00 UTC.",
        page=ERRORS_PAGE,
    ),
    *(
        ErrorRule(kind=Kind.FATAL, status=403, code=code, meaning=meaning, remedy=remedy, page=ERRORS_PAGE)
        for code, meaning, remedy in (
            (
                "forbidden_op",
                "The app may not use this function.",
                "Have it enabled in the vendor's console.",
            ),
            (
                "FORBIDDEN",
                "The function is not part of the plan or not enabled.",
                "Have it enabled for the app.",
            ),
            ("group_error", "The app may not do this to a group.", "Check the plan's limits for groups."),
            (
                "forbidden_service_operation",
                "The service refuses operations: the app or its owner is blocked.",
                "Look at the app's state in the vendor's console.",
            ),
        )
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=403,
        meaning="The vendor forbids this to the app.",
        remedy="The reason says more. Look at the plan and at the app's enabled functions.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.EXHAUSTED_PLAN,
        status=429,
        code="resource_limited",
        meaning="The plan's number of users is used up (100 on the free plan). It is not a rate limit: waiting does not help.",
        remedy="Raise the plan, or delete users; then run the job again, and it goes on where it stopped.",
        page=REGISTER_PAGE,
    ),
    ErrorRule(
        kind=Kind.THROTTLED,
        status=429,
        code="reach_limit",
        meaning="Too many calls in this second. The users' pool is shared with other programs and with client SDKs.",
        remedy="Nothing: bulkim slows down. If it happens often, give the job a smaller `rate.share`.",
        page=LIMITS_PAGE,
    ),
    ErrorRule(
        kind=Kind.THROTTLED,
        status=429,
        meaning="Too many calls in this second.",
        remedy="Nothing: bulkim slows down. If it happens often, give the job a smaller `rate.share`.",
        page=LIMITS_PAGE,
    ),
)

_ADDRESS = (
    ErrorRule(
        kind=Kind.FATAL,
        status=404,
        code="organization_application_not_found",
        meaning="There is no such app at this host: the org, the app or the data centre is wrong.",
        remedy="Compare `base_url`, `org` and `app` with the vendor's console.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=404,
        code="404",
        meaning="The address is none of the vendor's: the answer carries no error of its kind.",
        remedy="Check `base_url`.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=405,
        meaning="The address does not take this method.",
        remedy="Check `base_url` for a path too many; if it is right, report a bug.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=415,
        meaning="The Content-Type header did not arrive.",
        remedy="Look for a proxy that removes headers; if there is none, report a bug.",
        page=ERRORS_PAGE,
    ),
    *(
        ErrorRule(
            kind=Kind.FATAL,
            status=500,
            code=code,
            meaning="The address or the method is wrong. The vendor says so with status 500, and always will.",
            remedy="Check `base_url`, `org` and `app`; if they are right, report a bug.",
            page=ERRORS_PAGE,
        )
        for code in ("no_full_text_index", "unsupported_service_operation", "web_application")
    ),
    ErrorRule(
        kind=Kind.FATAL,
        status=501,
        meaning="The vendor does not know this request.",
        remedy="Check `base_url`; if it is right, report a bug.",
        page=ERRORS_PAGE,
    ),
)

_PASSING = (
    ErrorRule(
        kind=Kind.TRANSIENT,
        status=409,
        meaning="Two requests met at one user; this one was not done.",
        remedy="Nothing: bulkim tries again.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.POISONED,
        status=413,
        meaning="The request's body is larger than the vendor takes (5 kB by an older page).",
        remedy="Nothing: bulkim halves the request. Set `batch:` lower to avoid it.",
        page=ERRORS_PAGE,
    ),
    *(
        ErrorRule(
            kind=Kind.UNKNOWN,
            status=status,
            meaning=f"{meaning} The request may have been carried out.",
            remedy="Nothing while the run goes on. `bulkim retry RUN` sends again what ended as unknown.",
            page=ERRORS_PAGE,
        )
        for status, meaning in (
            (408, "The vendor gave up waiting for the request."),
            (500, "The vendor failed inside."),
            (502, "A gateway got no proper answer from the vendor's server."),
            (503, "The service is not available, or overloaded."),
            (504, "A gateway waited too long for the vendor's server."),
        )
    ),
)

_DISCONNECT = (
    ErrorRule(
        kind=Kind.REJECTED,
        status=200,
        code="result=false",
        operations=("disconnect", "disconnect-device"),
        item=True,
        meaning="The vendor says that the user was not forced offline: as a rule nobody was signed in.",
        remedy="Look at `online-status`.",
        page=f"{PAGES}account_offline_forced.html",
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        status=200,
        code="data=false",
        operations=("remove-attributes",),
        item=True,
        meaning="The vendor says that the attributes were not removed.",
        remedy="Try again; `get-attributes` shows what is there.",
        page=ATTRIBUTES_PAGE,
    ),
)

_REST = (
    ErrorRule(
        kind=Kind.REJECTED,
        status=400,
        item=True,
        meaning="The vendor refuses the request; the reason is its own.",
        remedy=CORRECT,
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        status=404,
        item=True,
        meaning="Something that the request names is not there; the reason is the vendor's own.",
        remedy=CORRECT,
        page=ERRORS_PAGE,
    ),
)

ERRORS = (
    *_EXISTING,
    *_ILLEGAL,
    *_ABSENT,
    *_CREDENTIALS,
    *_PLAN,
    *_ADDRESS,
    *_PASSING,
    *_DISCONNECT,
    *_REST,
)
