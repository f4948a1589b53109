"""The engine's nouns that people see, under the copilot's roof: only files called engine.py import
the engine."""

from engine.observe.stats import Hints
from engine.definition import Pause as Pause
from engine.definition import WorkflowRecord as WorkflowRecord
from engine.definition import WorkflowVersionSummary as WorkflowVersionSummary
from engine.execution import Execution as Execution
from engine.execution import ExecutionPage as ExecutionPage
from engine.execution import ExecutionStatus as ExecutionStatus
from engine.execution import Progress as Progress
from engine.execution import ResumeMode as ResumeMode
from engine.execution import StepExecution as StepExecution
from engine.workspace import ResourceKind as ResourceKind
from engine.workspace import StoredResource as StoredResource
