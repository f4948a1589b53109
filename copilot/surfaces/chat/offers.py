"""Fixes as an offer to a person: what kind of change it is, exactly which, and how to approve it."""

import shlex

from ...bootstrap import DELIBERATE
from ...fixes import ALIASES, FIXES
from ...service.protocol import Service
from ...settings import Settings
from ...types import Preview, SuggestedFix
from .results import Approving, Diff, FixKind, Proposal

BY_A_PERSON = (
    "I can't approve or apply a fix myself. Show the person the diff; they approve it with the "
    "command, which shows the same diff and asks, or on the page where there is one."
)
BY_HAND = "None of this can be applied from here: the person does it by hand, as described."
#: What their reach does not tell: a number that is added is no instruction.
_ADJUSTS = frozenset(
    {
        "bind_documents",
        "raise_budget",
        "retry_policy",
        "set_loop_bound",
        "switch_runtime",
        "timeout",
    }
)
NOTHING = "Nothing is known that would repair this. Report the cause and the evidence."


def kind_of(fix_type: str) -> FixKind:
    """What people call such a change, by what its type may write; Other when it is not known here."""
    known = ALIASES.get(fix_type, fix_type)
    if known in _ADJUSTS:
        return "Adjust configuration"
    fix = FIXES.get(known)
    if fix is None:
        return "Other"
    writes = fix.reach.writes
    if any(operation == "add" and place.startswith("/resources/") for operation, place in writes):
        return "Create missing resource"
    if any(operation == "add" for operation, _ in writes):
        return "Update instructions"
    return "Adjust configuration"


def propose(service: Service, fix: SuggestedFix, *, public_url: str | None) -> Proposal:
    """*fix* with its diff against the workflow as it is now, or with why there is none."""
    change = approving = problem = None
    if fix.fix_id is not None:
        try:
            preview = service.fixes.preview(fix.fix_id)
        except DELIBERATE as error:
            if error.retryable:
                raise  # it says nothing about the fix
            problem = str(error)
        else:
            change = diff(preview)
            if preview.kind != "hand_over":
                approving = how_to_approve(service, fix.fix_id, public_url=public_url)
    return Proposal(
        kind=kind_of(fix.type),
        type=fix.type,
        tier=fix.tier,
        description_text=fix.description,
        fix_id=fix.fix_id,
        change=change,
        approving=approving,
        problem_text=problem,
    )


def diff(preview: Preview) -> Diff:
    return Diff(
        base_version=preview.base_version,
        digest=preview.digest,
        summary_text=preview.summary,
        diff_text=preview.diff,
    )


def how_to_approve(service: Service, fix_id: str, *, public_url: str | None) -> Approving:
    """public_url: where people reach the pages of this installation, if it has any."""
    page = None
    if public_url is not None:
        workspace = service.principal.workspace_id
        page = f"{public_url.rstrip('/')}/workspaces/{workspace}/fixes/{fix_id}"
    return Approving(command=command_for(service, "fix", "apply", fix_id), page=page)


def command_for(service: Service, *words: str) -> str:
    """A command line for a person, in the workspace that the tools act in."""
    workspace = service.principal.workspace_id
    usual = workspace == Settings.model_fields["workspace"].default
    return shlex.join(["ask-copilot", *words, *([] if usual else ["--workspace", workspace])])


def what_next(proposals: tuple[Proposal, ...]) -> str:
    if any(one.approving for one in proposals):
        return BY_A_PERSON
    return BY_HAND if proposals else NOTHING
