"""What the tools are called with: every field required, or null when left out.

The models' own clients refuse most JSON Schema keywords, so bounds are checked here and told in
the descriptions.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MOST_FAILURES = 20
LONGEST_ID = 200
LONGEST_REASON = 500
LONGEST_VALUE = 2_000
MOST_CHANGES = 20


def _at_most(length: int) -> AfterValidator:
    def check(text: str) -> str:
        if not text.strip():
            raise ValueError("must not be empty")
        if len(text) > length:
            raise ValueError(f"must be at most {length} characters")
        return text

    return AfterValidator(check)


def _page_size(limit: int) -> int:
    if not 1 <= limit <= MOST_FAILURES:
        raise ValueError(f"must be from 1 to {MOST_FAILURES}")
    return limit


Id = Annotated[str, _at_most(LONGEST_ID)]
Reason = Annotated[str, _at_most(LONGEST_REASON)]
PageSize = Annotated[int, AfterValidator(_page_size)]


class Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Nothing(Arguments):
    pass


class FailureQuery(Arguments):
    workflow_id: Id | None = Field(
        default=None, description="Only failures of this workflow; null for all."
    )
    cursor: Annotated[str, _at_most(LONGEST_VALUE)] | None = Field(
        default=None, description="next_cursor of the result before; null for the newest."
    )
    limit: PageSize | None = Field(
        default=None, description=f"How many, 1 to {MOST_FAILURES}; null for 10."
    )


class OfExecution(Arguments):
    execution_id: Id = Field(description="Id of the run.")


class OfWorkflow(Arguments):
    workflow_id: Id = Field(description="Id of the workflow.")


class FixRequest(Arguments):
    execution_id: Id = Field(description="Id of the failed run.")
    fix_type: Id | None = Field(
        default=None,
        description="Only fixes of this type, as `type` names it in a result; null for all.",
    )


class OfFix(Arguments):
    fix_id: Id = Field(description="Id of the fix, from analyze_execution or propose_fix.")


def _short(value: str) -> str:
    if len(value) > LONGEST_VALUE:
        raise ValueError(f"must be at most {LONGEST_VALUE} characters")
    return value


class SettingChange(Arguments):
    name: Id = Field(description="Name of the setting, as get_settings spells it.")
    value: bool | int | float | Annotated[str, AfterValidator(_short)] | None = Field(
        description="The new value, in the setting's type and bounds; null for the default."
    )


def _some(changes: tuple[SettingChange, ...]) -> tuple[SettingChange, ...]:
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise ValueError(f"must be 1 to {MOST_CHANGES} changes")
    names = [change.name for change in changes]
    if len(set(names)) < len(names):
        raise ValueError("must name each setting once")
    return changes


class SettingChanges(Arguments):
    changes: Annotated[tuple[SettingChange, ...], AfterValidator(_some)] = Field(
        description="All of them are made, or none."
    )


class PauseRequest(Arguments):
    workflow_id: Id = Field(description="Id of the workflow.")
    reason: Reason = Field(description="Why, for the people who find it paused.")


class ResumeRequest(Arguments):
    execution_id: Id = Field(description="Id of the run that failed.")
    mode: Literal["full", "partial", "dependencies"] = Field(
        description="full repeats every step; partial keeps the outputs of steps that succeeded; "
        "dependencies repeats the failed step with the steps it needs."
    )
