"""The engine's nouns that people see, under the copilot's roof: only files called engine.py import
the engine."""

from engine.definition import Pause as Pause
from engine.definition import WorkflowRecord as WorkflowRecord
from engine.definition import WorkflowVersionSummary as WorkflowVersionSummary
from engine.execution import Decision as Decision
from engine.execution import Execution as Execution
from engine.execution import ExecutionPage as ExecutionPage
from engine.execution import ExecutionStatus as ExecutionStatus
from engine.execution import Progress as Progress
from engine.execution import ResumeMode as ResumeMode
from engine.execution import ResumeReport as ResumeReport
from engine.execution import StaleStep as StaleStep
from engine.execution import StepApproval as StepApproval
from engine.execution import StepExecution as StepExecution
from engine.observe.events import Watch as Watch
from engine.observe.progress import ProgressMeasure as ProgressMeasure
from engine.observe.stats import Hints as Hints
from engine.observe.tiles import Tiles as Tiles
from engine.quota import Override as Override
from engine.run.allowances import AccountAllowances as AccountAllowances
from engine.run.allowances import Allowance as Allowance
from engine.run.allowances import WaitingRun as WaitingRun
from engine.run.resume_options import EditOption as EditOption
from engine.run.resume_options import ResumeOption as ResumeOption
from engine.run.resume_options import ResumeOptions as ResumeOptions
from engine.run.resume_options import RoundEstimate as RoundEstimate
from engine.schedule.warnings import ScheduleWarning as ScheduleWarning
from engine.storage.events import EventPage as EventPage
from engine.storage.events import RunEvent as RunEvent
from engine.storage.resource_checks import RESOURCE_EXAMPLES as RESOURCE_EXAMPLES
from engine.storage.schedule_records import ScheduledStart as ScheduledStart
from engine.storage.schedule_records import ScheduleNotice as ScheduleNotice
from engine.storage.schedule_records import ScheduleRecord as ScheduleRecord
from engine.workspace import ResourceKind as ResourceKind
from engine.workspace import StoredResource as StoredResource
