"""One table from stable error codes to what a surface answers with."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Exit(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    RUN_FAILED = 1  # the command worked; the workflow's run did not
    USAGE = 2  # click's own: unknown option, missing argument
    INVALID_INPUT = 3
    NOT_FOUND = 4
    REFUSED = 5  # approval, stale base, live work, no right to: nothing was changed
    NO_CREDITS = 6
    BUSY = 7  # try again later
    WAITING = 8  # the run is paused: it waits for a decision or a quota
    INTERNAL = 70
    INTERRUPTED = 130


EXIT_CODES: Mapping[str, Exit] = MappingProxyType(
    {
        "invalid_input": Exit.INVALID_INPUT,
        "invalid_cursor": Exit.INVALID_INPUT,
        "invalid_definition": Exit.INVALID_INPUT,
        "invalid_fix": Exit.INVALID_INPUT,
        "invalid_knowledge": Exit.INVALID_INPUT,
        "invalid_data": Exit.INVALID_INPUT,
        "invalid_parameters": Exit.INVALID_INPUT,
        "invalid_schedule": Exit.INVALID_INPUT,
        "unknown_name": Exit.INVALID_INPUT,
        "unserializable_value": Exit.INVALID_INPUT,
        "not_a_failed_execution": Exit.INVALID_INPUT,
        "idempotency_key_reused": Exit.INVALID_INPUT,
        "request_key_reused": Exit.INVALID_INPUT,
        "precondition_required": Exit.INVALID_INPUT,
        "not_found": Exit.NOT_FOUND,
        "unauthenticated": Exit.REFUSED,
        "forbidden": Exit.REFUSED,
        "already_exists": Exit.REFUSED,
        "stale_base": Exit.REFUSED,
        "edited_meanwhile": Exit.REFUSED,
        "stale_version": Exit.REFUSED,
        "approval_refused": Exit.REFUSED,
        "undo_expired": Exit.REFUSED,
        "not_reversible": Exit.REFUSED,
        "rule_conflict": Exit.REFUSED,
        "already_running": Exit.REFUSED,
        "not_resumable": Exit.REFUSED,
        "workflow_paused": Exit.REFUSED,
        "effect_would_repeat": Exit.REFUSED,
        "approval_closed": Exit.REFUSED,
        "approval_not_allowed": Exit.REFUSED,
        "budget_exceeded": Exit.REFUSED,
        "workspace_in_use": Exit.REFUSED,
        "insufficient_credits": Exit.NO_CREDITS,
        "request_in_progress": Exit.BUSY,
        "server_unreachable": Exit.BUSY,
        "server_refused": Exit.REFUSED,
        "store_busy": Exit.BUSY,
        "store_unavailable": Exit.BUSY,
        "too_many_requests": Exit.BUSY,
        "run_timeout": Exit.RUN_FAILED,
        "run_crashed": Exit.RUN_FAILED,
    }
)

#: Codes that no request is answered with: how a run ended, what is only done beside the server, a
#: client's own.
NOT_OVER_HTTP = frozenset(
    {"run_timeout", "run_crashed", "workspace_in_use", "server_unreachable", "server_refused"}
)

#: HTTP status of every code that a request can be answered with, ours and the surface's own. A run
#: that ends badly is an answer with 200, so its codes are not here.
HTTP_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "definition_required": 400,
        "invalid_json": 400,
        "not_a_failed_execution": 400,
        "unauthenticated": 401,
        "insufficient_credits": 402,
        "approval_not_allowed": 403,
        "forbidden": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "already_exists": 409,
        "already_running": 409,
        "approval_closed": 409,
        "approval_refused": 409,
        "budget_exceeded": 409,
        "effect_would_repeat": 409,
        "invalid_fix": 409,
        "not_resumable": 409,
        "not_reversible": 409,
        "request_in_progress": 409,
        "rule_conflict": 409,
        "stale_base": 409,
        "edited_meanwhile": 409,
        "undo_expired": 409,
        "workflow_paused": 409,
        "stale_version": 412,
        "body_too_large": 413,
        "unsupported_encoding": 415,
        "unsupported_media_type": 415,
        "idempotency_key_reused": 422,
        "invalid_cursor": 422,
        "invalid_data": 422,
        "invalid_definition": 422,
        "invalid_input": 422,
        "invalid_parameters": 422,
        "invalid_request": 422,
        "invalid_schedule": 422,
        "request_key_reused": 422,
        "unknown_name": 422,
        "unserializable_value": 422,
        "precondition_required": 428,
        "too_many_requests": 429,
        "internal_error": 500,
        "invalid_knowledge": 500,
        "store_busy": 503,
        "store_unavailable": 503,
    }
)

#: What to do about it, where the message does not say so itself.
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "definition_required": "Send the definition as JSON data, or as YAML or JSON text.",
        "invalid_json": "Send a body that is JSON, in UTF-8.",
        "not_a_failed_execution": "Wait for the run to end, or ask about one that failed.",
        "unauthenticated": "Send the header Authorization: Bearer <key>. An owner makes keys with "
        "`ask-copilot keys create`, or with POST to the workspace's keys.",
        "forbidden": "Ask somebody who may do this.",
        "insufficient_credits": "An owner can grant credits, with `ask-copilot credits grant` or "
        "with POST to the workspace's credits/grant.",
        "not_found": "Check the path: its ids, and that the key is one of this workspace.",
        "method_not_allowed": "See the header Allow.",
        "already_exists": "Choose another id; PUT makes a new version of a workflow. For a new API "
        "key, send a new Idempotency-Key.",
        "already_running": "Ask for its progress, or cancel it.",
        "approval_closed": "Look at the run: its approvals say who has decided what.",
        "approval_not_allowed": "Ask a person who has the role. A machine decides nothing.",
        "approval_refused": "Look at the preview and approve it again.",
        "budget_exceeded": "Ask for less at once, or raise the limit that the detail names.",
        "effect_would_repeat": "Send repeat_effects: true to do it again, or another resume_mode.",
        "invalid_fix": "Analyse a run of the newest version, and use a fix of that report.",
        "request_in_progress": "Send the same request again in a moment, with the same key.",
        "rule_conflict": "DELETE the rule that the detail names, or with `ask-copilot groups forget`.",
        "edited_meanwhile": "Read fresh_diff. Then put the edits back, or change it by hand.",
        "stale_base": "Read fresh_diff. Then get the preview again and approve its digest.",
        "undo_expired": "Use revert.",
        "workflow_paused": "Unpause it (ask-copilot workflows unpause), or make this a test run (--test).",
        "stale_version": "Get it again, and send the new ETag in If-Match.",
        "body_too_large": "Move data out of the request; workflows can read it from files.",
        "unsupported_encoding": "Send the body without Content-Encoding.",
        "unsupported_media_type": "Send Content-Type: application/json.",
        "idempotency_key_reused": "Send a new Idempotency-Key, such as a fresh UUID.",
        "invalid_cursor": "Send the next_cursor of the page before, or none for the first page.",
        "invalid_request": "Correct the fields named in errors.",
        "invalid_schedule": "Write an interval such as 2h or 1d, or a cron line of five fields.",
        "request_key_reused": "Send a new Idempotency-Key, such as a fresh UUID.",
        "precondition_required": "Get the workflow and send its ETag in If-Match.",
        "too_many_requests": "Wait as long as the header Retry-After says.",
        "store_busy": "Try again in a moment.",
    }
)


def http_status(code: str) -> int:
    """The HTTP status for a stable error code; one without a row is ours to explain."""
    return HTTP_STATUSES.get(code, HTTP_STATUSES["internal_error"])


def exit_code(code: str) -> Exit:
    """The exit code for a stable error code; one without a row is ours to explain."""
    return EXIT_CODES.get(code, Exit.INTERNAL)
