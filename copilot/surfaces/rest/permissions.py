"""What each route takes, asked before its body is looked at.

The use cases ask again, and for more where it depends on the body. This is so that nobody is told
how to correct a request that they may not make, and so that the description can say who may.
"""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import Request

from ...types.principal import NEVER_FOR_MACHINES, Role, Scope, least_role
from .caller import asker

#: By operation id, which is the name of the route's function.
SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        "list_workflows": Scope.READ,
        "create_workflow": Scope.EDIT,
        "get_workflow": Scope.READ,
        "replace_workflow": Scope.EDIT,
        "list_versions": Scope.READ,
        "get_version": Scope.READ,
        "pause_workflow": Scope.RUN,
        "unpause_workflow": Scope.RUN,
        "get_hints": Scope.READ,
        "list_schedules": Scope.READ,
        "get_schedule": Scope.READ,
        "list_executions": Scope.READ,
        "start_execution": Scope.RUN,
        "get_execution": Scope.READ,
        "get_progress": Scope.READ,
        "get_history": Scope.READ,
        "get_resume_options": Scope.READ,
        "cancel_execution": Scope.RUN,
        "resume_execution": Scope.RUN,
        "watch_execution": Scope.READ,
        "get_live": Scope.READ,
        "list_approvals": Scope.READ,
        "list_execution_approvals": Scope.READ,
        "decide_approval": Scope.RUN,  # the engine asks for a person, and for the step's role
        "list_resources": Scope.READ,
        "get_resource": Scope.READ,
        "put_resource": Scope.EDIT,
        "delete_resource": Scope.EDIT,
        "list_quotas": Scope.READ,
        "list_waiting_runs": Scope.READ,
        "put_quota": Scope.EDIT,
        "delete_quota": Scope.EDIT,
        "analyze_execution": Scope.ANALYZE,
        "stream_analysis": Scope.ANALYZE,
        "analyze_foreign_run": Scope.ANALYZE,
        "get_analysis": Scope.READ,
        "get_prompt": Scope.READ,
        "list_failures": Scope.READ,
        "debug_workflow": Scope.READ,
        "debug_execution": Scope.READ,
        "diagnose_text": Scope.READ,
        "list_patterns": Scope.READ,
        "list_groups": Scope.READ,
        "get_group": Scope.READ,
        "split_groups": Scope.APPROVE,
        "merge_groups": Scope.APPROVE,
        "ignore_group": Scope.APPROVE,
        "unignore_group": Scope.APPROVE,
        "delete_group_rule": Scope.APPROVE,
        "list_workspace_patterns": Scope.READ,
        "dismiss_pattern": Scope.APPROVE,
        "reopen_pattern": Scope.RUN,
        "pause_for_pattern": Scope.RUN,
        "get_causes": Scope.READ,
        "optimize_definition": Scope.READ,
        "optimize_workflow": Scope.READ,
        "dismiss_suggestion": Scope.APPROVE,
        "preview_fix": Scope.READ,
        "patch_fix": Scope.READ,
        "hand_off_fix": Scope.READ,
        "recheck_fix": Scope.READ,
        "list_waiting_fixes": Scope.READ,
        "approve_fix": Scope.APPROVE,
        "apply_approval": Scope.APPROVE,
        "undo_change": Scope.APPROVE,
        "revert_change": Scope.APPROVE,
        "get_outcome": Scope.READ,
        "list_changes": Scope.READ,
        "get_learning": Scope.READ,
        "give_feedback": Scope.ANALYZE,
        "get_autonomy": Scope.READ,
        "set_autonomy": Scope.TUNE,
        "get_case": Scope.READ,
        "list_standing": Scope.READ,
        "create_standing": Scope.GOVERN,
        "revoke_standing": Scope.APPROVE,
        "list_standing_uses": Scope.READ,
        "list_knowledge": Scope.READ,
        "get_knowledge": Scope.READ,
        "put_knowledge": Scope.TUNE,
        "delete_knowledge": Scope.TUNE,
        "get_credits": Scope.READ,
        "list_receipts": Scope.READ,
        "grant_credits": Scope.GOVERN,
        "list_settings": Scope.READ,
        "change_settings": Scope.TUNE,
        "list_keys": Scope.GOVERN,
        "create_key": Scope.GOVERN,
        "revoke_key": Scope.GOVERN,
        "list_audit": Scope.AUDIT,
        "get_audit_head": Scope.AUDIT,
        "verify_audit": Scope.AUDIT,
        "list_runtimes": Scope.READ,
        "get_me": Scope.READ,
        "run_pass": Scope.ANALYZE,
        "get_latest_digest": Scope.READ,
        "list_notices": Scope.READ,
        "test_notices": Scope.TUNE,
        "exchange_webhook_secret": Scope.GOVERN,
    }
)


async def permitted(request: Request, workspace_id: str) -> None:
    """Raises Forbidden when the role does not have what the route takes.

    In another workspace nothing is asked: there, everything is missing.
    """
    principal = asker(request)
    if workspace_id == principal.workspace_id:
        principal.require(SCOPES[request.scope["endpoint"].__name__])


def who_may(operation_id: str) -> str:
    """'Takes the role approver or above, as a person.'"""
    scope = SCOPES[operation_id]
    role = least_role(scope)
    above = "" if role is Role.OWNER else " or above"
    person = ", as a person" if scope in NEVER_FOR_MACHINES else ""
    return f"Takes the role {role.value}{above}{person}."
