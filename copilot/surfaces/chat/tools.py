"""The catalog of chat tools: name, words for a model, arguments, result, and what a call may change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from ...service.protocol import Service
from .acting import pause_workflow, resume_execution, set_settings
from .arguments import (
    Arguments,
    FailureQuery,
    FixRequest,
    Nothing,
    OfExecution,
    OfFix,
    OfWorkflow,
    PauseRequest,
    ResumeRequest,
    SettingChanges,
)
from .explaining import analyze_execution, explain_pattern, preview_fix, propose_fix
from .optimizing import optimize_workflow
from .reading import get_execution, get_settings, list_failures, list_runtimes
from .results import (
    Analysis,
    ExecutionView,
    Failures,
    Optimized,
    Patterns,
    Paused,
    Previewed,
    Proposals,
    Result,
    Resumed,
    Runtimes,
    SettingsView,
)

A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A, R]):
    """What a model may call.

    reads_only: changes nothing and costs nothing. overwrites: changes what somebody set up or
    repeats effects, so a client should ask first. repeatable: the same call again changes nothing
    more. starts_work: leaves a run to be carried out.
    """

    name: str
    title: str
    description: str
    arguments: type[A]
    result: type[R]
    run: Callable[[Service, A], R]
    reads_only: bool = False
    overwrites: bool = False
    repeatable: bool = True
    starts_work: bool = False


Catalog = Mapping[str, Tool[Any, Any]]


def catalog(*, public_url: str | None = None) -> Catalog:
    """Every tool by name. public_url: address of the pages on which people approve fixes."""
    tools: tuple[Tool[Any, Any], ...] = (
        *_looking(),
        *_explaining(public_url),
        *_acting(),
    )
    return MappingProxyType({tool.name: tool for tool in tools})


def _looking() -> tuple[Tool[Any, Any], ...]:
    return (
        Tool(
            name="list_failures",
            title="List failed runs",
            description="List failed workflow runs, newest first, each with its workflow, step and "
            "error in one line. Start here when somebody asks what broke or gives no run id. Free.",
            arguments=FailureQuery,
            result=Failures,
            run=list_failures,
            reads_only=True,
        ),
        Tool(
            name="get_execution",
            title="Look at one run",
            description="Show one run: status, progress, and each step with its attempts and error. "
            "Use it to see how far a run is or what happened in which order. It does not say why; "
            "analyze_execution does. Inputs and outputs are not shown. Free.",
            arguments=OfExecution,
            result=ExecutionView,
            run=get_execution,
            reads_only=True,
        ),
        Tool(
            name="list_runtimes",
            title="List runtimes",
            description="List the runtimes that can produce an analysis, with their models, prices, "
            "capabilities, how they have done and why one is not available. Name only runtimes and "
            "models from this list. Free.",
            arguments=Nothing,
            result=Runtimes,
            run=list_runtimes,
            reads_only=True,
        ),
        Tool(
            name="get_settings",
            title="Show settings",
            description="Show every setting of the workspace with its value, default, bounds and "
            "whether set_settings may write it. Call it before set_settings. Free.",
            arguments=Nothing,
            result=SettingsView,
            run=get_settings,
            reads_only=True,
        ),
    )


def _explaining(public_url: str | None) -> tuple[Tool[Any, Any], ...]:
    return (
        Tool(
            name="analyze_execution",
            title="Say why a run failed",
            description="Say why a failed run failed: the step, the root cause, the evidence, and "
            "what would repair it. Use it for every question of the kind 'why'. It charges credits "
            "the first time; the same failure again is free, and `cost` says what was charged. Only "
            "for runs that failed, timed out or crashed.",
            arguments=OfExecution,
            result=Analysis,
            run=analyze_execution,
        ),
        Tool(
            name="explain_pattern",
            title="Show repeated failures",
            description="Group the last failed runs of a workflow by kind of failure: how often, "
            "since when, what they share, and what is recommended. Use it when somebody asks whether "
            "this happens again and again, or whether to pause the workflow. Free.",
            arguments=OfWorkflow,
            result=Patterns,
            run=explain_pattern,
            reads_only=True,
        ),
        Tool(
            name="optimize_workflow",
            title="Suggest improvements",
            description="Say what could be better about a workflow before it runs, with the facts "
            "that say so: documents no step needs, limits against what such steps cost, a runtime "
            "that held more often, repeated failures, prompts that may go round in circles. Use it "
            "when somebody asks how to make a workflow cheaper or safer. Free; it changes nothing.",
            arguments=OfWorkflow,
            result=Optimized,
            run=partial(optimize_workflow, public_url=public_url),
            reads_only=True,
        ),
        Tool(
            name="propose_fix",
            title="Propose a fix",
            description="Offer to fix a failed run: each fix with its kind (update instructions, "
            "create missing resource, adjust configuration, other), the exact diff against the "
            "workflow as it is now, and the command with which a person approves it. Use it when "
            "somebody asks 'can you fix it for me?'. It changes nothing and can't approve. It costs "
            "what analyze_execution costs, and nothing after that.",
            arguments=FixRequest,
            result=Proposals,
            run=partial(propose_fix, public_url=public_url),
        ),
        Tool(
            name="preview_fix",
            title="Show a fix as a diff",
            description="Show what one fix would change in the workflow as it is now, as a diff. Use "
            "it when the workflow may have changed since the fix was proposed. Free; it changes "
            "nothing.",
            arguments=OfFix,
            result=Previewed,
            run=partial(preview_fix, public_url=public_url),
            reads_only=True,
        ),
    )


def _acting() -> tuple[Tool[Any, Any], ...]:
    return (
        Tool(
            name="set_settings",
            title="Change settings",
            description="Change settings of the workspace, all of the given ones or none, when "
            "somebody asks for it. Only those that get_settings shows as writable; a change that "
            "loosens a limit is refused, because only a person who is owner makes it. Values out of "
            "bounds are refused and the bounds named.",
            arguments=SettingChanges,
            result=SettingsView,
            run=set_settings,
            overwrites=True,
        ),
        Tool(
            name="pause_workflow",
            title="Pause a workflow",
            description="Stop a workflow from starting new runs until a person unpauses it; a run "
            "under way goes on. Use it only when somebody asks for it, for example after the same "
            "failure again and again. There is no tool to unpause; the result names the person's "
            "command.",
            arguments=PauseRequest,
            result=Paused,
            run=pause_workflow,
            overwrites=True,
        ),
        Tool(
            name="resume_execution",
            title="Run a failed run again",
            description="Queue a new round of a failed run with the newest version of its workflow. "
            "Steps that run again repeat their effects, such as sending mail, and may cost money at "
            "a provider; `partial` repeats the least. Use it only when somebody asks for it, after "
            "the cause is repaired.",
            arguments=ResumeRequest,
            result=Resumed,
            run=resume_execution,
            overwrites=True,
            repeatable=False,
            starts_work=True,
        ),
    )
