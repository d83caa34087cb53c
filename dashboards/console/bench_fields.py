"""What a bench may say over HTTP, word by word, as it may over its other ways in: names, times and values."""

from math import isfinite
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from wire.names import BAD_NAME, MAX_NAME, is_name

MAX_TEXT = 2000  # characters of a measured text


def _written(said: object) -> object:
    """A whole number as it is written: benches count their versions and their units."""
    return str(said) if isinstance(said, int) and not isinstance(said, bool) else said


def _readable(text: str) -> str:
    if text and not is_name(text):
        raise ValueError(BAD_NAME)
    return text


def _number(said: object) -> float:
    try:
        number = float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None
    except OverflowError:
        number = None
    if number is None or not isfinite(number):
        msg = "it has to be a finite number"
        raise ValueError(msg)
    return number


def _value(said: object) -> float | str | bool:
    if isinstance(said, bool):
        return said
    if not isinstance(said, str):
        try:
            return _number(said)
        except ValueError:
            msg = "it has to be a finite number, true, false or a text"
            raise ValueError(msg) from None
    if len(said) > MAX_TEXT:
        msg = f"a text of more than {MAX_TEXT} characters"
        raise ValueError(msg)
    return said


_said = (BeforeValidator(_written), AfterValidator(_readable))

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), *_said]
Word = Annotated[str, Field(max_length=MAX_NAME), *_said]
Time = Annotated[Word, Field(description="ISO 8601 or ns since 1970; default: when it comes")]
Number = Annotated[float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
Value = Annotated[
    float | str | bool,
    PlainValidator(_value),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "string", "maxLength": MAX_TEXT}]}),
]
