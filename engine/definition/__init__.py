"""What a workflow is: its nouns, its text form, and the expressions in it."""

from .budget import Budget
from .expressions import references, resolve
from .loader import dump_workflow, load_workflow, parse_definition, parse_workflow, to_data
from .notation import LARGEST_TEXT as LARGEST_DEFINITION
from .reads import dependencies
from .steps import (
    STEP_TYPES,
    AgentStep,
    ApprovalStep,
    Arm,
    BranchStep,
    Lane,
    LoopStep,
    ParallelStep,
    RetryPolicy,
    Step,
    ToolStep,
    WorkStep,
)
from .versions import Pause, WorkflowRecord, WorkflowVersionSummary
from .workflow import Input, Stage, Trigger, Workflow

__all__ = [
    "LARGEST_DEFINITION",
    "STEP_TYPES",
    "AgentStep",
    "ApprovalStep",
    "Arm",
    "BranchStep",
    "Budget",
    "Input",
    "Lane",
    "LoopStep",
    "ParallelStep",
    "Pause",
    "RetryPolicy",
    "Stage",
    "Step",
    "ToolStep",
    "Trigger",
    "WorkStep",
    "Workflow",
    "WorkflowRecord",
    "WorkflowVersionSummary",
    "dependencies",
    "dump_workflow",
    "load_workflow",
    "parse_definition",
    "parse_workflow",
    "references",
    "resolve",
    "to_data",
]
