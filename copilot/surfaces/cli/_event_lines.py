"""What happens in a run, one line an event."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from rich.text import Text

from ...types.engine import RunEvent
from ._shown import PROSE, counted, line, moment

_PAUSES: Mapping[str, str] = {
    "approval": "paused: waits for a decision",
    "quota": "paused: waits for a quota",
}


class EventLines:
    """The lines of one run, in the order of its events."""

    def __init__(self) -> None:
        self._error = ""

    def text(self, event: RunEvent) -> Text | None:
        """'14:02:11  ✓ Write one  /greet/2/one  (render_template, 3 ms)', in UTC.

        With the error below it, unless the line before had the same. None for what is not worth a
        line: most starts of steps are stored with their ends.
        """
        words = _WORDS.get(event.kind)
        if words is None:
            return None
        text = Text.assemble((f"{event.at.astimezone(UTC):%H:%M:%S}  ", "dim"), words(event))
        error = line(event.facts.get("error") or "", limit=PROSE)
        if error and error != self._error:
            text.append(f"\n          {error}", "red")
        self._error = error
        return text


def _begun(event: RunEvent) -> Text:
    again = f"round {event.round} " if event.round > 1 else ""
    return Text(f"{again}started, on {event.at.astimezone(UTC):%Y-%m-%d} (times are UTC)")


def _paused(event: RunEvent) -> Text:
    words = _PAUSES.get(str(event.facts.get("reason")), "paused")
    until = event.facts.get("wake_at")
    if not isinstance(until, str):
        return Text(f"‖ {words}", style="yellow")
    at = moment(datetime.fromisoformat(until))
    goes_on = "until" if event.facts.get("reason") == "approval" else "goes on by itself at"
    return Text(f"‖ {words}, {goes_on} {at} UTC", style="yellow")


def _resumed(event: RunEvent) -> Text:
    match event.facts.get("reason"):
        case "asked":
            return Text(f"goes on: round {event.round} ({line(event.facts.get('mode') or '')})")
        case "recovered":
            return Text("goes on where it was when its process was lost")
        case _:
            return Text("goes on after its pause")


def _ended(event: RunEvent) -> Text:
    status = line(event.facts.get("status") or "").replace("_", " ")
    if event.kind == "execution_completed":
        return Text(f"✓ {status or 'succeeded'}", style="green")
    return Text(f"✗ {status or 'failed'}", style="red")


def _step_done(event: RunEvent) -> Text:
    return Text.assemble(("✓ ", "green"), _step(event), (_facts(event.facts), "dim"))


def _step_failed(event: RunEvent) -> Text:
    return Text.assemble(("✗ ", "red"), _step(event), (_facts(event.facts), "dim"))


def _asked(event: RunEvent) -> Text:
    return Text.assemble(("‖ ", "yellow"), _step(event), "  waits for a decision")


def _decided(event: RunEvent) -> Text:
    by = event.facts.get("by")
    who = f" by {line(by)}" if by else ""
    return Text.assemble("· ", _step(event), f"  {line(event.facts.get('decision') or '')}{who}")


def _step(event: RunEvent) -> Text:
    name = event.facts.get("name")
    path = line(event.path or "")
    return Text.assemble(line(name), (f"  {path}", "dim")) if name else Text(path)


def _facts(facts: Mapping[str, Any]) -> str:
    told = [line(facts.get("action") or "")]
    if isinstance(facts.get("item_count"), int):
        told.append(counted(facts["item_count"], "item"))
    told.append(f"{line(facts.get('execution_time_ms') or 0)} ms")
    if isinstance(facts.get("tokens_used"), int):
        told.append(f"{facts['tokens_used']:,} tokens")
    if facts.get("cost_usd") is not None:
        told.append(f"${line(facts['cost_usd'])}")
    if isinstance(facts.get("attempts"), int) and facts["attempts"] > 1:
        told.append(f"{facts['attempts']} attempts")
    if facts.get("fallback"):
        told.append(f"by {line(facts['fallback'])}")
    return f"  ({', '.join(filter(None, told))})"


_WORDS: Mapping[str, Callable[[RunEvent], Text]] = MappingProxyType(
    {
        "execution_started": _begun,
        "execution_paused": _paused,
        "execution_resumed": _resumed,
        **dict.fromkeys(("execution_completed", "execution_failed", "execution_cancelled"), _ended),
        "step_completed": _step_done,
        "step_failed": _step_failed,
        "approval_requested": _asked,
        "approval_decided": _decided,
    }
)
