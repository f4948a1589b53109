"""The explanation of a failure while a model still writes it, then the report."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ...types import Report
from .analyses import HowToAnalyze
from .caller import Asking, Id
from .waiting import waiting

router = APIRouter(tags=["analyses"])

_TOLD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["explanation", "report"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


class Telling:
    """An analysis under way in a thread, and what is heard of it."""

    def __init__(self, analyze: Callable[[Callable[[str], None]], Report]) -> None:
        loop = asyncio.get_running_loop()
        self._pieces = asyncio.Queue[str]()

        def hear(piece: str) -> None:
            loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

        self._report = asyncio.ensure_future(waiting(analyze, hear))
        self._first: str | None = None

    async def begun(self) -> None:
        """Until there is something to tell. Raises what the analysis raises before."""
        self._first = await self._next()
        if self._first is None:
            await self._report

    async def pieces(self) -> AsyncIterator[str]:
        """Every piece of the explanation, until the report is there."""
        if self._first is not None:
            yield self._first
        while (piece := await self._next()) is not None:
            yield piece

    async def report(self) -> Report:
        return await self._report

    async def _next(self) -> str | None:
        """None once the report is there and all has been told."""
        if self._report.done():
            return None if self._pieces.empty() else self._pieces.get_nowait()
        heard = asyncio.ensure_future(self._pieces.get())
        await asyncio.wait((heard, self._report), return_when=asyncio.FIRST_COMPLETED)
        if heard.done():
            return heard.result()
        heard.cancel()
        return await self._next()


async def _begun(execution_id: Id, asking: Asking, body: HowToAnalyze | None = None) -> Telling:
    """Before the answer begins, so that what is refused is refused with its own status."""
    require_model = body is not None and body.require_model

    def analyze(on_text: Callable[[str], None]) -> Report:
        return asking.analyses.analyze(execution_id, require_model=require_model, on_text=on_text)

    telling = Telling(analyze)
    await telling.begun()
    return telling


@router.post(
    "/executions/{execution_id}/analyze/stream",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"itemSchema": _TOLD}}}},
)
async def stream_analysis(
    telling: Annotated[Telling, Depends(_begun)],
) -> AsyncIterator[ServerSentEvent]:
    """The same answer, its explanation told as it comes.

    Events `explanation` have a piece of text each, sentence by sentence. The event `report` has
    the whole report, which alone counts: its explanation is another one when what the model wrote
    was refused in the end. A stream that ends without it was cut off: ask again, it is kept.
    """
    told = False
    async for piece in telling.pieces():
        told = True
        yield ServerSentEvent(data={"text": piece}, event="explanation")
    report = await telling.report()
    if not told:
        yield ServerSentEvent(data={"text": report.explanation}, event="explanation")
    yield ServerSentEvent(raw_data=report.model_dump_json(), event="report")
