"""The tools that do something, all of it within a machine's rights and none of it a fix."""

from ...service.protocol import Service
from .arguments import PauseRequest, ResumeRequest, SettingChanges
from .offers import command_for
from .reading import setting
from .results import Paused, Resumed, SettingsView


def set_settings(service: Service, args: SettingChanges) -> SettingsView:
    changed = {change.name: change.value for change in args.changes}
    values = service.account.set_settings(changed)
    return SettingsView(settings=tuple(setting(one) for one in values if one.name in changed))


def pause_workflow(service: Service, args: PauseRequest) -> Paused:
    service.workflows.pause(args.workflow_id, reason=args.reason)
    return Paused(
        workflow_id=args.workflow_id,
        reason_text=args.reason,
        next="It starts no new run; a run under way goes on. A person lets it run again with: "
        + command_for(service, "workflows", "unpause", args.workflow_id),
    )


def resume_execution(service: Service, args: ResumeRequest) -> Resumed:
    found = service.executions.resume(args.execution_id, mode=args.mode)
    return Resumed(
        execution_id=found.id,
        workflow_id=found.workflow_id,
        workflow_version=found.workflow_version,
        status=found.status.value,
        round=found.round,
        mode=found.resume_mode,
        next="It has not ended yet; get_execution tells how far it is.",
    )
