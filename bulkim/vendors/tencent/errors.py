"""What Tencent Chat answers when it refuses, and what follows.

HTTP is 200 whatever happens; the code stands in ``ErrorCode`` or in an item's own row. Commands may be repeated without
harm, so a time-out is repeated; UNKNOWN keeps in mind that the first sending may have done it. The same code in an
item's own row is an answer about that item, and leaves nothing in doubt.
"""

from __future__ import annotations

from bulkim.catalogue.shapes import ErrorRule
from bulkim.model import Kind
from bulkim.vendors.tencent.common import (
    ADMINISTRATOR,
    AGAIN,
    CORRECT,
    PAGES,
    REGISTER_FIRST,
    no_account,
    not_administrator,
)

ERRORS_PAGE = f"{PAGES}34348"
SLOW = "Nothing: bulkim slows down. If it happens often, give the job a smaller `rate.share`."
SIGN = "bulkim signs anew once. If it is refused again, compare sdk_app_id, identifier and secret_key with the console."
CHECK_KEY = (
    "Compare sdk_app_id, identifier and secret_key with the console, and base_url with the app's region."
)
BUG = "Look for a proxy that changes requests; if there is none, report a bug."

_THROTTLED = tuple(
    ErrorRule(kind=Kind.THROTTLED, code=code, meaning=meaning, remedy=SLOW, page=ERRORS_PAGE)
    for code, meaning in (
        ("60007", "Too many calls of this command in this second."),
        ("60011", "Too many calls of the app, over all commands."),
        ("60018", "Calls come too often."),
        ("60019", "Calls come too often."),
        ("10006", "Calls of a group command come too often."),
        ("10023", "Calls of a group command come too often."),
    )
)

_CREDENTIALS = (
    *(
        ErrorRule(kind=Kind.UNAUTHORIZED, code=code, meaning=meaning, remedy=SIGN, page=ERRORS_PAGE)
        for code, meaning in (
            ("60004", "The identifier or the UserSig in the URL is wrong."),
            ("60005", "The identifier or the UserSig in the URL is wrong."),
            ("70001", "The UserSig has expired."),
            ("70002", "The UserSig is empty."),
            ("70003", "The UserSig does not verify; it may have been cut off."),
            ("70005", "The UserSig does not verify."),
            ("70032", "The UserSig does not verify; an older form of the answer, which gives no reason."),
            ("70346", "The UserSig does not verify; no page lists the code."),
            ("70052", "The UserSig was voided, for instance by `disconnect` of the administrator."),
        )
    ),
    ErrorRule(
        kind=Kind.UNAUTHORIZED,
        code="70050",
        wait_s=60,
        meaning="UserSigs failed too often, or were checked too often: the account is held back for a minute.",
        remedy="bulkim waits a minute, signs anew, and stops if it happens again. Then check the secret key first.",
        page=ERRORS_PAGE,
    ),
    *(
        ErrorRule(kind=Kind.FATAL, code=code, meaning=meaning, remedy=CHECK_KEY, page=ERRORS_PAGE)
        for code, meaning in (
            ("70009", "The UserSig was signed with the key of another app."),
            ("70013", "The UserSig is of another identifier than the URL says."),
            ("70014", "The UserSig is of another SDKAppID than the URL says."),
            ("70016", "The app has no such key."),
            ("70020", "There is no such app in this region."),
            ("60006", "The SDKAppID is not valid."),
            ("60012", "The SDKAppID is missing from the URL."),
        )
    ),
    *(not_administrator(code, ERRORS_PAGE) for code in ("60010", "70403", "90009")),
    *(
        ErrorRule(kind=Kind.FATAL, code=code, meaning=meaning, remedy=ADMINISTRATOR, page=ERRORS_PAGE)
        for code, meaning in (
            ("70051", "The administrator's account is on the block list."),
            ("70114", "The administrator's account is restricted for security reasons."),
        )
    ),
)

_PLAN = (
    ErrorRule(
        kind=Kind.FATAL,
        code="71000",
        meaning="This plan does not allow accounts to be deleted.",
        remedy="Enable the deletion of accounts in the console; nothing on the list can be deleted before.",
        page=f"{PAGES}34955",
    ),
    ErrorRule(
        kind=Kind.EXHAUSTED_PLAN,
        code="70398",
        meaning="The plan's number of accounts is used up (100 on the trial edition).",
        remedy="Raise the plan, or delete accounts; then run the job again, and it goes on where it stopped.",
        page=f"{PAGES}34954",
    ),
    ErrorRule(
        kind=Kind.EXHAUSTED_PLAN,
        code="60020",
        meaning="The plan has expired.",
        remedy="Renew it in the console, then run the job again.",
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.FATAL,
        code="60021",
        meaning="The app does not allow calls from this host's address.",
        remedy="Add the address to the allow list in the console.",
        page=ERRORS_PAGE,
    ),
    *(
        ErrorRule(
            kind=Kind.FATAL,
            code=code,
            meaning=meaning,
            remedy="Look at the app's state in the console.",
            page=ERRORS_PAGE,
        )
        for code, meaning in (
            ("60016", "The app is disabled."),
            ("60017", "The request is disabled for the app."),
        )
    ),
)

_ITEMS = (
    ErrorRule(
        kind=Kind.ABSENT,
        code="70107",
        item=True,
        meaning="There is no such account.",
        remedy="Nothing, if you are deleting. Otherwise check the UserID, or register the user first.",
        page=f"{PAGES}34955",
    ),
    ErrorRule(
        kind=Kind.ABSENT,
        code="NotImported",
        operations=("get-user",),
        item=True,
        meaning="The account was never imported, or was deleted.",
        remedy=REGISTER_FIRST,
        page=f"{PAGES}34956",
    ),
    no_account("10019", ERRORS_PAGE),
    ErrorRule(
        kind=Kind.REJECTED,
        code="70399",
        item=True,
        meaning="The UserID was deleted less than three months ago; outside the trial edition it cannot come back yet.",
        remedy="Wait, or use another UserID.",
        page=f"{PAGES}34954",
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        code="not_imported",
        operations=("register",),
        item=True,
        meaning="The vendor lists the account under FailAccounts and gives no reason.",
        remedy="`bulkim retry` sends it again. If it stays, look for an illegal UserID or a recent deletion.",
        page=f"{PAGES}34954",
    ),
    *(
        ErrorRule(kind=Kind.REJECTED, code=code, item=True, meaning=meaning, remedy=CORRECT, page=page)
        for code, meaning, page in (
            (
                "70402",
                "A parameter is missing or not allowed; the vendor does not say whose.",
                f"{PAGES}34955",
            ),
            ("90033", "An attribute is not one of the app's, or its value is not allowed.", f"{PAGES}37170"),
            ("10004", "A parameter of the group command is not allowed.", f"{PAGES}34921"),
            ("90035", "There is no such account, or it cannot have attributes.", f"{PAGES}37170"),
            ("130004", "The mute names no account.", f"{PAGES}34923"),
            ("130005", "The mute's account is not text.", f"{PAGES}34923"),
            ("130006", "The time for one-to-one messages is malformed.", f"{PAGES}34923"),
            ("130007", "The time for group messages is malformed.", f"{PAGES}34923"),
            ("130008", "The mute names no scope.", f"{PAGES}34923"),
        )
    ),
    *(
        ErrorRule(
            kind=Kind.POISONED,
            code=code,
            meaning="The request names more accounts than the vendor takes at once.",
            remedy="Nothing: bulkim splits the request. Set `batch:` lower to avoid it.",
            page=ERRORS_PAGE,
        )
        for code in ("70206", "90011", "90018")
    ),
)

_MALFORMED = tuple(
    ErrorRule(kind=Kind.FATAL, code=code, meaning=meaning, remedy=BUG, page=ERRORS_PAGE)
    for code, meaning in (
        ("60002", "The vendor could not read the HTTP request."),
        ("60003", "The vendor could not read the request's JSON."),
        ("60009", "The URL names no command."),
        ("60015", "An account in the request is not text."),
        ("90001", "The vendor could not read the request's JSON."),
        ("90003", "The request's To_Account is of a wrong type."),
        ("130001", "The vendor could not read the request's JSON."),
    )
)

_PASSING = (
    ErrorRule(
        kind=Kind.TRANSIENT,
        code="30008",
        meaning="Two requests wrote a user's contacts at a time; this one was not done.",
        remedy="Nothing: bulkim tries again. If it happens often, set `concurrency` lower and keep the batch size high.",
        page=f"{PAGES}34955",
    ),
    *(
        ErrorRule(
            kind=Kind.UNKNOWN, code=code, meaning=f"{meaning} It may have been done.", remedy=AGAIN, page=page
        )
        for code, meaning, page in (
            ("60008", "The vendor's server timed out, or could not read the HTTP request.", ERRORS_PAGE),
            ("60013", "The vendor could not read its own server's answer.", ERRORS_PAGE),
            ("60014", "The vendor's account service timed out.", ERRORS_PAGE),
            ("70169", "The vendor's server timed out.", f"{PAGES}34955"),
            ("70202", "The vendor's server timed out.", f"{PAGES}34955"),
            ("70500", "The vendor failed inside.", f"{PAGES}34955"),
            ("30006", "The vendor failed while clearing contacts.", f"{PAGES}34955"),
            ("30007", "The vendor timed out while clearing contacts.", f"{PAGES}34955"),
            ("40006", "The vendor failed while writing the profile.", f"{PAGES}34955"),
            ("90992", "The vendor failed inside.", f"{PAGES}35477"),
            ("90994", "The vendor failed inside.", f"{PAGES}35477"),
            ("90995", "The vendor failed inside.", f"{PAGES}35477"),
            ("91000", "The vendor failed inside.", f"{PAGES}37170"),
        )
    ),
)

_HTTP = (
    ErrorRule(
        kind=Kind.THROTTLED,
        status=429,
        meaning="A gateway says: too many calls.",
        remedy=SLOW,
        page=ERRORS_PAGE,
    ),
    ErrorRule(
        kind=Kind.POISONED,
        status=413,
        meaning="The request's body is larger than a gateway takes.",
        remedy="Nothing: bulkim halves the request. Set `batch:` lower to avoid it.",
        page=ERRORS_PAGE,
    ),
    *(
        ErrorRule(
            kind=Kind.FATAL,
            status=status,
            meaning="The address is none of the vendor's: its own answers always have status 200.",
            remedy="Check `base_url`.",
            page=ERRORS_PAGE,
        )
        for status in (400, 401, 403, 404, 405, 501)
    ),
    *(
        ErrorRule(
            kind=Kind.UNKNOWN,
            status=status,
            meaning="The network on the vendor's side failed. The request may have been carried out.",
            remedy=AGAIN,
            page=ERRORS_PAGE,
        )
        for status in (408, 500, 502, 503, 504)
    ),
)

ERRORS = (*_THROTTLED, *_CREDENTIALS, *_PLAN, *_ITEMS, *_MALFORMED, *_PASSING, *_HTTP)
