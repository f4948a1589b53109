"""How the texts among the settings must look."""

import re
from decimal import Decimal
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..characters import has_hidden
from ..types.notice import CHOSEN
from . import fix_types, keeping
from .addresses import why_not_public

#: The type of an error whose message says more than the form of the setting.
OWN_WORDS: Final = "own_words"
ADDRESSES_IN_WORDS = "e-mail addresses with commas between, in at most 1000 characters"
WEBHOOK_IN_WORDS = "an https address, without a user, in at most 1000 characters"
EVENTS_IN_WORDS = f"some of {', '.join(CHOSEN)}, with commas between"

_ADDRESS = re.compile(r"[^\s@,]+@[^\s@,]+")


def _one_line(text: str) -> str:
    if has_hidden(text) or text != " ".join(text.split()):
        raise ValueError("not one line of plain text")
    return text


def _addresses(text: str) -> str:
    if text and not all(_ADDRESS.fullmatch(part.strip(" ")) for part in text.split(",")):
        raise ValueError("not e-mail addresses")
    return text


def _webhook(text: str) -> str:
    """Empty, or where a webhook may go: an https address with a host and nothing hidden in it.

    Where a name leads is known when something is sent: then it is looked at again.
    """
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("not an https address")
    if " " in text or "\\" in text:
        raise ValueError("not an https address")
    if parts.port not in (None, 443):
        raise PydanticCustomError(OWN_WORDS, "its port is not 443: leave the port out.")
    if problem := why_not_public(parts.hostname):
        raise PydanticCustomError(OWN_WORDS, "{why}", {"why": f"{problem}."})
    return text


def _events(text: str) -> str:
    named = [part.strip() for part in text.split(",")] if text else []
    if len(set(named)) != len(named) or not set(named) <= set(CHOSEN):
        raise ValueError("not events")
    return ",".join(named)


def _expressions(text: str) -> str:
    try:
        keeping.expressions(text)
    except ValueError as problem:
        raise PydanticCustomError(OWN_WORDS, "{why}", {"why": f"{problem}."}) from None
    return text


def _fix_types(text: str) -> str:
    try:
        fix_types.listed(text)
    except ValueError as problem:
        raise PydanticCustomError(OWN_WORDS, "{why}", {"why": f"{problem}."}) from None
    return text


Money = Annotated[Decimal, Field(max_digits=9, decimal_places=4)]
Line = Annotated[str, AfterValidator(_one_line)]
Addresses = Annotated[Line, AfterValidator(_addresses)]
Webhook = Annotated[Line, AfterValidator(_webhook)]
Events = Annotated[Line, AfterValidator(_events)]
Expressions = Annotated[Line, AfterValidator(_expressions)]
FixTypes = Annotated[Line, AfterValidator(_fix_types)]
