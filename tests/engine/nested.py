"""Builders of steps that hold others, for the tests of nested runs."""

from engine.definition import parse_workflow
from engine.execution import ExecutionStatus


def echo(step_id, value=None, **more):
    return {"id": step_id, "type": "tool", "action": "echo", "with": {"value": value}, **more}


def call(step_id, action, *, retries=0, **more):
    given = more.pop("given", {})
    retry = {"max_retries": retries, "backoff_seconds": 0}
    return {"id": step_id, "type": "tool", "action": action, "with": given, "retry": retry, **more}


def branch(step_id, *arms, **more):
    """*arms* are (id, condition or None, steps)."""
    branches = [
        {"id": name, "steps": steps, **({} if when is None else {"when": when})}
        for name, when, steps in arms
    ]
    return {"id": step_id, "type": "branch", "branches": branches, **more}


def parallel(step_id, *, name=None, merge=None, on_failure=None, **lanes):
    given = {"name": name, "merge": merge, "on_failure": on_failure}
    return {
        "id": step_id,
        "type": "parallel",
        "branches": [{"id": lane, "steps": steps} for lane, steps in lanes.items()],
        **{key: value for key, value in given.items() if value is not None},
    }


def loop(step_id, *steps, most=10, **more):
    return {"id": step_id, "type": "loop", "max_iterations": most, "steps": list(steps), **more}


def approval(step_id, message="Go on?", **more):
    return {"id": step_id, "type": "approval", "message": message, **more}


def definition(*steps, **more):
    return parse_workflow({"name": "Nested", "steps": list(steps), **more}, source="test")


def start(engine, *steps, inputs=None, **more):
    """Puts the workflow and starts it; gives the run as it is when the call returns."""
    more = {"inputs": {name: {} for name in inputs or {}}, **more}
    engine.put_workflow("acme", definition(*steps, **more), workflow_id="w")
    return engine.execution("acme", engine.submit("acme", "w", inputs=inputs).id)


def paths(engine, run, status="succeeded"):
    return [step.path for step in engine.steps("acme", run.id) if step.status.value == status]


SUCCEEDED, FAILED, PAUSED = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.PAUSED,
)
