"""What single keys of a job file take, as pydantic types; and the base of every section."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from bulkim.jobfile import values
from bulkim.window import PATTERN


def _matches(pattern: str, message: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


Text = Annotated[str, Field(min_length=1)]
Line = Annotated[Text, AfterValidator(values.printable)]
Place = Annotated[Line, AfterValidator(values.file)]
Template = Annotated[Text, AfterValidator(values.template)]
Pattern = Annotated[Text, AfterValidator(values.regex)]
Segment = Annotated[
    Text,
    Field(max_length=100),
    _matches(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "may hold letters, digits, _ - and . only"),
]
Address = Annotated[Text, AfterValidator(values.base_url)]
Number = Annotated[
    int,
    Field(gt=0, le=10**15),
    BeforeValidator(values.digits),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^(\$\{\w+\}|\d+)$"}]}
    ),
]
Webhook = Annotated[Text, AfterValidator(values.webhook)]
Delimiter = Annotated[Text, AfterValidator(values.delimiter)]
Encoding = Annotated[Text, AfterValidator(values.text_encoding)]
Moment = Annotated[Text, AfterValidator(values.moment)]
Seconds = Annotated[float, Field(ge=0.1, le=600, allow_inf_nan=False)]
CallsPerSecond = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False),
    BeforeValidator(values.calls_per_s),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*/\s*(s|min|h)\s*$"},
            ]
        }
    ),
]
TimeSpan = Annotated[
    float,
    Field(ge=0, le=86400, allow_inf_nan=False),
    BeforeValidator(values.time_span),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 86400},
                {"type": "string", "pattern": r"^\s*\d+\s*[smhdw]\s*$"},
            ]
        }
    ),
]

Hours = Annotated[
    Text, AfterValidator(values.hours), WithJsonSchema({"type": "string", "pattern": rf"^\s*{PATTERN}\s*$"})
]
HoursAndZone = Annotated[
    str,
    AfterValidator(values.hours_and_zone),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*{PATTERN}(\s+[A-Za-z]\S*)?\s*$"}),
]


class Shape(BaseModel):
    """Unknown keys and wrong types are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
