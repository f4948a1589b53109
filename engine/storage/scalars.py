"""Single values as JSON: as they are where JSON holds them exactly, else tagged with their type."""

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import JsonValue

TAG = "$type"
INT_LIMIT = 2**63

Tagged: TypeAlias = dict[str, Any]


def is_storable(text: str) -> bool:
    """Whether *text* survives JSON and SQL as it is: no lone surrogates, no NUL."""
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tagged(kind: str, value: JsonValue, **more: JsonValue) -> Tagged:
    return {TAG: kind, "value": value, **more}


def _encode_moment(kind: str, moment: datetime | time) -> Tagged:
    zone = moment.tzinfo
    more: dict[str, JsonValue] = {"fold": 1} if moment.fold else {}
    if isinstance(zone, ZoneInfo) and zone.key:
        return _tagged(kind, moment.replace(tzinfo=None).isoformat(), zone=zone.key, **more)
    return _tagged(kind, moment.isoformat(), **more)


def _decode_moment(cls: type[datetime] | type[time], tagged: Tagged) -> datetime | time:
    moment = cls.fromisoformat(tagged["value"]).replace(fold=tagged.get("fold", 0))
    return moment.replace(tzinfo=ZoneInfo(tagged["zone"])) if "zone" in tagged else moment


def _encode_timedelta(span: timedelta) -> Tagged:
    return _tagged("timedelta", [span.days, span.seconds, span.microseconds])


def _encode_text(text: str) -> JsonValue:
    if is_storable(text):
        return text
    return _tagged("str", base64.b64encode(text.encode("utf-8", "surrogatepass")).decode())


SCALAR_ENCODERS: dict[type[Any], Callable[[Any], JsonValue]] = {
    type(None): lambda value: value,
    bool: lambda value: value,
    int: lambda n: n if -INT_LIMIT <= n < INT_LIMIT else _tagged("int", hex(n)),
    float: lambda number: number if math.isfinite(number) else _tagged("float", repr(number)),
    str: _encode_text,
    bytes: lambda data: _tagged("bytes", base64.b64encode(data).decode()),
    datetime: lambda moment: _encode_moment("datetime", moment),
    time: lambda moment: _encode_moment("time", moment),
    date: lambda day: _tagged("date", day.isoformat()),
    timedelta: _encode_timedelta,
    Decimal: lambda number: _tagged("decimal", str(number)),
    UUID: lambda identifier: _tagged("uuid", str(identifier)),
}
SCALAR_DECODERS: dict[str, Callable[[Tagged], Any]] = {
    "int": lambda tagged: int(tagged["value"], 16),
    "float": lambda tagged: float(tagged["value"]),
    "str": lambda tagged: base64.b64decode(tagged["value"]).decode("utf-8", "surrogatepass"),
    "bytes": lambda tagged: base64.b64decode(tagged["value"]),
    "datetime": lambda tagged: _decode_moment(datetime, tagged),
    "time": lambda tagged: _decode_moment(time, tagged),
    "date": lambda tagged: date.fromisoformat(tagged["value"]),
    "timedelta": lambda tagged: timedelta(*tagged["value"]),
    "decimal": lambda tagged: Decimal(tagged["value"]),
    "uuid": lambda tagged: UUID(tagged["value"]),
}
