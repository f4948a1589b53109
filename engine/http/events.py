"""A run as it happens: server-sent events, and the live tiles."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ..errors import InvalidParameters
from ..observe.events import Watch
from ..observe.tiles import Tiles
from ..storage.events import RunEvent
from .fields import Asking, Id

RECONNECT_MS = 1000
_LONGEST_NUMBER = 18
_TOLD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "description": "The event's kind."},
        "id": {"type": "string", "description": "The event's seq, if it is stored."},
        "retry": {"type": "integer", "minimum": 0},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": RunEvent.model_json_schema(),
        },
    },
}

router = APIRouter(prefix="/executions", tags=["executions"])


def _found(
    execution_id: Id,
    asking: Asking,
    after: Annotated[
        int, Query(ge=0, description="The number of the last event that is known.")
    ] = 0,
    last_event_id: Annotated[
        str | None, Header(description="The same, sent by a browser that connects again.")
    ] = None,
) -> Watch:
    """Before the answer begins: whether there is such a run, and something to tell of it."""
    watch = asking.events.watch(execution_id, after=_last(last_event_id, after))
    if last_event_id is not None and watch.has_all:
        raise HTTPException(204)  # what makes a browser stop asking
    return watch


async def _listening(watch: Annotated[Watch, Depends(_found)]) -> AsyncIterator[Watch]:
    async with watch:
        yield watch


@router.get(
    "/{execution_id}/events",
    response_class=EventSourceResponse,
    responses={
        200: {"content": {"text/event-stream": {"itemSchema": _TOLD}}},
        204: {"description": "The run has ended, and everything has been told."},
    },
)
async def watch_execution(
    watch: Annotated[Watch, Depends(_listening)],
) -> AsyncIterator[ServerSentEvent]:
    """Everything that has happened in the run, then what happens, until it has ended.

    Each event is named after its kind. Stored ones have their number as id; ask with the last
    one, and nothing comes twice. Others are told once, to who is there: `step_started` at its
    true time, `step_progress`, `turn_completed`, `tool_started`, `tool_completed`. `gap` says
    that some of these were left out, `end` that the run has ended: a stream that is over without
    it was cut off, so ask again. While there is nothing to tell, a comment comes each 15 seconds.
    """
    yield ServerSentEvent(comment="watching", retry=RECONNECT_MS)
    async for event in watch.events():
        yield ServerSentEvent(
            raw_data=event.model_dump_json(),
            event=event.kind,
            id=None if event.seq is None else str(event.seq),
        )


@router.get("/{execution_id}/live")
def get_live(execution_id: Id, asking: Asking) -> Tiles:
    """Tokens, cost, what it is doing and how long it takes, as of now. Null is unknown."""
    return asking.events.live(execution_id)


def _last(last_event_id: str | None, after: int) -> int:
    """Raises `InvalidParameters` for an id that is none of ours."""
    if last_event_id is None:
        return after
    is_number = last_event_id.isascii() and last_event_id.isdecimal()
    if not is_number or len(last_event_id) > _LONGEST_NUMBER:
        raise InvalidParameters(
            "Last-Event-ID is the id of an event: a number.", parameter="Last-Event-ID"
        )
    return int(last_event_id)
