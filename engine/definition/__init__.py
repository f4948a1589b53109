"""What a workflow is: its nouns, its text form, and the expressions in it."""

from .expressions import dependencies, references, resolve
from .loader import dump_workflow, load_workflow, parse_workflow, to_data
from .steps import STEP_TYPES, AgentStep, RetryPolicy, Step, ToolStep
from .workflow import Budget, Input, Trigger, Workflow

__all__ = [
    "STEP_TYPES",
    "AgentStep",
    "Budget",
    "Input",
    "RetryPolicy",
    "Step",
    "ToolStep",
    "Trigger",
    "Workflow",
    "dependencies",
    "dump_workflow",
    "load_workflow",
    "parse_workflow",
    "references",
    "resolve",
    "to_data",
]
