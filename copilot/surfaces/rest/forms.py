"""One thing in two forms: as JSON or, for who prefers it, as Markdown for people."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Header, Response

JSON = "application/json"
MARKDOWN = "text/markdown"
#: For the description of a route that has both.
OR_MARKDOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {MARKDOWN: {"schema": {"type": "string"}}}}
}

Accept = Annotated[str, Header(include_in_schema=False)]
Data = TypeVar("Data")


def answer(
    response: Response, accept: str, *, data: Data, markdown: Callable[[Data], str]
) -> Data | Response:
    """*data* itself, or what *markdown* makes of it where *accept* asks for that."""
    varies = {"Vary": "Accept"}
    if prefers_markdown(accept):
        return Response(markdown(data), media_type=MARKDOWN, headers=varies)
    response.headers.update(varies)
    return data


def prefers_markdown(accept: str) -> bool:
    """Whether a client that sends *accept* would rather have Markdown than JSON."""
    return _quality(accept, MARKDOWN) > _quality(accept, JSON)


def _quality(accept: str, media_type: str) -> float:
    """What *accept* gives the most exact of its ranges that *media_type* is in; 0 for none."""
    family = media_type.partition("/")[0]
    found = dict(map(_range, accept.split(",")))
    for name in (media_type, f"{family}/*", "*/*"):
        if name in found:
            return found[name]
    return 0.0


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        label, _, value = parameter.partition("=")
        if label.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0
