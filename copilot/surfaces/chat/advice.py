"""What a model should do about an error, by its stable code."""

from collections.abc import Mapping
from types import MappingProxyType

OTHERWISE = "Tell the person what the message says."

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "already_running": "Follow it with get_execution.",
        "forbidden": "Tell the person who may do this; it can't be done from here.",
        "insufficient_credits": "Tell the person. Nothing was analysed and nothing was charged.",
        "internal_error": "Tell the person; the reason is in the log of ask-copilot.",
        "invalid_fix": "Call analyze_execution for a run of the newest version and use that fix.",
        "invalid_input": "Correct what the message names and call again.",
        "not_a_failed_execution": "Only failed runs have a cause. Find one with list_failures.",
        "not_found": "Check the id. list_failures shows the ids of failed runs and workflows.",
        "not_resumable": "Look at its status with get_execution.",
        "request_in_progress": "Call again in a moment.",
        "server_unreachable": "Tell the person that the server of ask-copilot does not answer.",
        "edited_meanwhile": "Say what the message says, and show the diff: a person decides.",
        "stale_base": "Call preview_fix and show the new diff.",
        "store_busy": "Another ask-copilot command is at work. Call again in a moment.",
        "too_many_requests": "Wait as long as the message says, then call again.",
        "unauthenticated": "Tell the person that the API key is not valid any more.",
        "unknown_name": "Use one of the names in the message.",
        "workflow_paused": "Tell the person; `ask-copilot workflows unpause` lets it run again.",
    }
)


def advice_for(code: str) -> str:
    return ADVICE.get(code, OTHERWISE)
