"""The shape of a job file but for its connection: what may stand where, in pydantic models whose descriptions an editor shows.

Only what can be judged without the catalogue or the environment is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from bulkim.jobfile import values
from bulkim.jobfile.hooks import NotifyRef
from bulkim.jobfile.scalars import (
    CallsPerSecond,
    Delimiter,
    Encoding,
    Hours,
    HoursAndZone,
    Line,
    Moment,
    Pattern,
    Place,
    Seconds,
    Shape,
    Template,
    Text,
    TimeSpan,
)
from bulkim.model import FILE_KINDS

SOURCE_KINDS = (*FILE_KINDS, "items", "listing", "run")


def _keys(value: Any) -> Iterable[str]:
    """The keys of what a union's form is told by: a mapping on the way in, a shape on the way out."""
    if isinstance(value, Shape):
        return type(value).model_fields
    return value if isinstance(value, dict) else ()


# ------------------------------------------------------------------------------------------- source

_FILE = "A file, relative to the job file, or - for standard input; several as a list or as a pattern such as users-*.csv. gzip is unpacked."
_COLUMNS = (
    "Field -> the column that holds it, text with {columns} in it, or a mapping: a default, a generated secret."
    " A field that is not named here has a column of its own name."
)
_WHERE = "Which rows are taken: column or field -> what its value must be. All conditions must hold."
_TAKES = [
    {"username": "user_id"},
    {"nickname": "{first} {last}"},
    {"chat": {"column": "secs", "default": 600}},
]
_TRIM = "Blanks around a cell are no part of it. false: they are."
_ENCODING = "The file's encoding, such as gb18030. Default: found out (BOM, UTF-8, GB18030, UTF-16)."


def _file_form(value: Any) -> str:
    return "<files>" if isinstance(value, list) else "<file>"


Files = Annotated[
    Annotated[Line, Tag("<file>")] | Annotated[list[Place], Field(min_length=1), Tag("<files>")],
    Discriminator(_file_form),
]


class ColumnShape(Shape):
    """A field's value: of a column or of text with {columns} in it, with a default; or a secret that is made."""

    column: Text | None = Field(
        default=None, description="The column, or text with {columns} in it. Default: the field's own name.",
        examples=["secs", "{first} {last}"],
    )  # fmt: skip
    default: str | int | float | bool | None = Field(
        default=None, description="Where that is empty.", examples=[600]
    )
    generate: Annotated[int, Field(ge=8, le=128)] | None = Field(
        default=None, description="Make a secret of so many characters for each user.", examples=[16]
    )
    into: Line | None = Field(
        default=None, description="The CSV file that keeps the secrets (mode 0600). A resumed run takes them from there.",
        examples=["credentials.csv"],
    )  # fmt: skip


def _column_form(value: Any) -> str:
    return "<made>" if isinstance(value, (dict, ColumnShape)) else "<column>"


Columns = dict[
    str,
    Annotated[
        Annotated[Template, Tag("<column>")] | Annotated[ColumnShape, Tag("<made>")],
        Discriminator(_column_form),
    ],
]
Value = str | int | float | bool


class ConditionShape(Shape):
    """What a value must be; all that is said must hold."""

    equals: Value | None = Field(default=None, description="It is this.", examples=["sales"])
    in_: Annotated[list[Value], Field(min_length=1)] | None = Field(
        default=None, alias="in", description="It is one of these.", examples=[["sales", "support"]]
    )
    match: Pattern | None = Field(
        default=None,
        description="A regular expression that must match the whole value.",
        examples=["test_.*"],
    )
    empty: bool | None = Field(default=None, description="true: it is empty. false: it is not.")
    not_: ConditionShape | None = Field(
        default=None, alias="not", description="What it must not be.", examples=[{"equals": "left"}]
    )


Rows = Annotated[
    dict[str, ConditionShape], Field(description=_WHERE, examples=[{"dept": {"equals": "sales"}}])
]


class CsvSource(Shape):
    """A header row, then one item a row."""

    csv: Files = Field(description=_FILE, examples=["users.csv", "users-*.csv.gz"])
    columns: Columns = Field(default_factory=dict, description=_COLUMNS, examples=_TAKES)
    where: Rows = Field(default_factory=dict)
    encoding: Encoding | None = Field(default=None, description=_ENCODING)
    delimiter: Delimiter | None = Field(
        default=None,
        description="What separates cells. Default: found out from the header (, ; tab |).",
        examples=[";"],
    )
    trim: bool = Field(default=True, description=_TRIM)


class TextSource(Shape):
    """One username a line; blank lines and lines that start with # are skipped."""

    text: Files = Field(description=_FILE, examples=["users.txt"])
    columns: Columns = Field(default_factory=dict, description=_COLUMNS)
    where: Rows = Field(default_factory=dict)
    encoding: Encoding | None = Field(default=None, description=_ENCODING)
    trim: bool = Field(default=True, description=_TRIM)


class JsonlSource(Shape):
    """One JSON object a line."""

    jsonl: Files = Field(description=_FILE, examples=["users.jsonl"])
    columns: Columns = Field(default_factory=dict, description=_COLUMNS)
    where: Rows = Field(default_factory=dict)
    encoding: Encoding | None = Field(default=None, description=_ENCODING)
    trim: bool = Field(default=True, description=_TRIM)


def _item_form(value: Any) -> str:
    return "<mapping>" if isinstance(value, dict) else "<username>"


class ItemsSource(Shape):
    """Items written into the job file: for a handful. Many belong in a CSV file."""

    items: list[
        Annotated[
            Annotated[str, Tag("<username>")] | Annotated[dict[str, Any], Tag("<mapping>")],
            Discriminator(_item_form),
        ]
    ] = Field(
        description="Usernames, or mappings with the operation's fields.",
        min_length=1,
        examples=[["alice", "bob"], [{"username": "alice", "nickname": "Alice"}]],
    )
    columns: Columns = Field(default_factory=dict, description=_COLUMNS)
    where: Rows = Field(default_factory=dict)
    trim: bool = Field(default=True, description=_TRIM)


class WhereShape(Shape):
    """Narrows a listing; all conditions must hold."""

    match: Pattern | None = Field(
        default=None,
        description="A regular expression that must match the whole username.",
        examples=["test_.*"],
    )
    created_before: Moment | None = Field(
        default=None, description="Age (7d, 12h) or date (UTC).", examples=["7d", "2024-05-01"]
    )
    created_after: Moment | None = Field(
        default=None, description="Age (7d, 12h) or date (UTC).", examples=["2024-05-01T08:00"]
    )
    activated: bool | None = Field(default=None, description="false: only users who are banned.")


class ListingSource(Shape):
    """What the vendor lists, page by page."""

    listing: Literal["users", "mutes"] = Field(description="All users, or all who are muted.")
    where: WhereShape = Field(default_factory=WhereShape, description="Narrows the listing.")


class RunSource(Shape):
    """Items of an earlier run in the journal."""

    run: Line = Field(
        description="A run's id, a unique prefix of it, a job's name, or last.", examples=["last"]
    )
    outcome: list[Literal["succeeded", "unchanged", "failed", "unknown", "skipped", "pending"]] = Field(
        default_factory=list, description="Only items that ended so.", examples=[["failed", "unknown"]]
    )
    code: list[Text] = Field(
        default_factory=list, description="Only items with these codes.", examples=[["70107"]]
    )
    columns: Columns = Field(default_factory=dict, description=_COLUMNS)
    where: Rows = Field(default_factory=dict)
    trim: bool = Field(default=True, description=_TRIM)


def _source_form(value: Any) -> str | None:
    keys = _keys(value)
    return next((f"<{kind}>" for kind in SOURCE_KINDS if kind in keys), None)


SourceShape = Annotated[
    Annotated[CsvSource, Tag("<csv>")]
    | Annotated[TextSource, Tag("<text>")]
    | Annotated[JsonlSource, Tag("<jsonl>")]
    | Annotated[ItemsSource, Tag("<items>")]
    | Annotated[ListingSource, Tag("<listing>")]
    | Annotated[RunSource, Tag("<run>")],
    Discriminator(
        _source_form,
        custom_error_type="form",
        custom_error_message=f"expected a mapping with one of the keys {', '.join(SOURCE_KINDS)}",
    ),
]

# ---------------------------------------------------------------------------------------------- job

CONNECTION = "The app to work on, or the name of an entry in connections.yaml beside this file or in your configuration folder."


class RateShape(Shape):
    """How much of the vendor's quota the job may use."""

    limit: CallsPerSecond | None = Field(
        default=None,
        description="Calls a second in the operation's own pool, or text with its unit: /s, /min, /h. "
        "Default: the vendor's documented limit.",
        examples=[100, "1200/min"],
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="The part of every limit that this job may use, so that your app keeps the rest.",
        examples=[0.7],
    )
    pools: dict[str, CallsPerSecond] = Field(
        default_factory=dict,
        description="Limits of other pools by name; `bulkim operations` lists them.",
        examples=[{"users": "1200/min"}],
    )
    max_rest: TimeSpan = Field(
        default=600.0,
        description="The longest rest that a vendor may ask for (Retry-After): seconds, or text with its unit, at most a day. "
        "Asked for a longer one, the run stops at once with exit code 75.",
        examples=["10m", 90],
    )


class GuardShape(Shape):
    """Safety limits."""

    protect: list[Pattern] = Field(
        default_factory=list,
        description="Regular expressions; an item whose whole username matches one is skipped.",
        examples=[["admin.*", "service_.*"]],
    )
    max_items: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Refuse to start with more items.", examples=[10000]
    )
    max_failures: Annotated[int | str, BeforeValidator(values.max_failures)] | None = Field(
        default=None,
        description="Stop after so many failures, unknown outcomes included: a count, or a percentage of the items, rounded down.",
        examples=["2%", 25],
    )
    canary: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Send so many items first, and go on only if none of them failed.",
        examples=[10],
    )


class WindowShape(Shape):
    """Hours of the day in which the run may send."""

    hours: Hours = Field(
        description="From when to when; across midnight if the second comes before the first.",
        examples=["01:00-05:30", "22:00-04:00"],
    )
    zone: Text | None = Field(
        default=None,
        description="The time zone of the hours. Default: this machine's.",
        examples=["Europe/Berlin", "Asia/Shanghai"],
    )


def _window_form(value: Any) -> str | None:
    if isinstance(value, str):
        return "<hours>"
    return "<window>" if isinstance(value, (dict, WindowShape)) else None


WindowRef = Annotated[
    Annotated[HoursAndZone, Tag("<hours>")] | Annotated[WindowShape, Tag("<window>")],
    Discriminator(
        _window_form,
        custom_error_type="form",
        custom_error_message="expected hours like 01:00-05:30, or a mapping with hours and zone",
    ),
]


class JobShape(Shape):
    """A bulkim job: what to do, where, and to whom."""

    name: Annotated[Line, Field(max_length=100)] | None = Field(
        default=None,
        description="The run's name. Default: the file's name.",
        examples=["purge-test-accounts"],
    )
    provider: Text = Field(description="The vendor.")
    operation: Text = Field(description="What to do with each item; `bulkim operations` explains them.")
    connection: Any = Field(description=CONNECTION)  # its shape is the catalogue's: `catalogued.job_shape`
    source: SourceShape | None = Field(default=None, description="Where the items come from.")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Constants for every item, such as a mute's duration. An item's own value goes first.",
        examples=[{"chat": 86400}],
    )
    rate: RateShape = Field(
        default_factory=RateShape, description="How much of the vendor's quota the job may use."
    )
    concurrency: Annotated[Literal["auto"] | int, BeforeValidator(values.concurrency)] = Field(
        default="auto",
        description="Requests in flight at a time; auto follows from the rate and the latency.",
    )
    timeout: Seconds = Field(default=10.0, description="Seconds to wait for an answer, 0.1 to 600.")
    retries: Annotated[int, Field(ge=0, le=100)] = Field(
        default=5, description="How often an item is sent again after a passing failure."
    )
    batch: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Items a request. Default: as many as the vendor takes."
    )
    snapshot: bool | None = Field(
        default=None,
        description="Read what is there before it is written over, for `undo`; a call more for each user, or for each batch of them. "
        "Default: yes where `undo` can set it again; no for what deletes.",
    )
    guard: GuardShape = Field(default_factory=GuardShape, description="Safety limits.")
    window: WindowRef | None = Field(
        default=None,
        description="The hours of the day in which a run may send, by the clock of this machine or of a time zone. "
        "Outside of them it sends nothing and exits with 75; the same command goes on when they come again.",
        examples=["01:00-05:30", "22:00-04:00 Europe/Berlin"],
    )
    notify: NotifyRef | None = Field(
        default=None,
        description="Who is told when a run has ended, however it ended, or was refused before it began: a mapping, or a list of them.",
    )
