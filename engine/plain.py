"""Runs and steps in plain data: equal to themselves after a trip through JSON."""

from .execution import Execution, StepExecution
from .storage.codec import encode


def plain(execution: Execution) -> Execution:
    """*execution* with what its workflow made of it in JSON's own types."""
    return execution.model_copy(
        update={
            "inputs": encode(execution.inputs, place="inputs"),
            "output": encode(execution.output, place="output"),
            "estimate": encode(execution.estimate, place="estimate"),
        }
    )


def plain_step(step: StepExecution) -> StepExecution:
    """*step* with its output in JSON's own types."""
    return step.model_copy(update={"output": encode(step.output, place="output")})
