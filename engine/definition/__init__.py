"""What a workflow is: its nouns, its text form, and the expressions in it."""

from .budget import Budget
from .expressions import dependencies, references, resolve
from .loader import dump_workflow, load_workflow, parse_definition, parse_workflow, to_data
from .notation import LARGEST_TEXT as LARGEST_DEFINITION
from .steps import STEP_TYPES, AgentStep, RetryPolicy, Step, ToolStep
from .versions import Pause, WorkflowRecord, WorkflowVersionSummary
from .workflow import Input, Trigger, Workflow

__all__ = [
    "LARGEST_DEFINITION",
    "STEP_TYPES",
    "AgentStep",
    "Budget",
    "Input",
    "Pause",
    "RetryPolicy",
    "Step",
    "ToolStep",
    "Trigger",
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
