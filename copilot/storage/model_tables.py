"""The tables of what models were asked, and what that has cost."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from .columns import Base, moment, table_of, text


class SystemTextRow(Base, table=True):
    """A system prompt. It is the same for thousands of analyses, so they keep its digest."""

    __tablename__: ClassVar[Any] = "copilot_system_text"

    workspace_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    content: str = text()


class ConsultationRow(Base, table=True):
    """An analysis for which a model was to be asked; money in billionths of a USD."""

    __tablename__: ClassVar[Any] = "copilot_consultation"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_consultation_day", "workspace_id", "asked_at"),
        Index("ix_copilot_consultation_run", "workspace_id", "execution_id", "asked_at"),
    )

    analysis_id: str = Field(primary_key=True)
    workspace_id: str
    execution_id: str
    template: str
    system_digest: str
    user_text: str = text()
    runtime: str
    model: str
    parameters: str = text()
    answered: bool
    reason: str | None
    cost_nano_usd: int | None = Field(sa_type=BigInteger)
    milliseconds: int
    asked_at: datetime = moment()


class ModelCallRow(Base, table=True):
    """One call of one model for an analysis, in order."""

    __tablename__: ClassVar[Any] = "copilot_model_call"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_model_call_runtime", "workspace_id", "runtime", "asked_at"),
    )

    analysis_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    workspace_id: str
    runtime: str
    model: str
    outcome: str
    is_repair: bool
    input_tokens: int | None = Field(sa_type=BigInteger)
    output_tokens: int | None = Field(sa_type=BigInteger)
    cached_tokens: int | None = Field(sa_type=BigInteger)
    cost_nano_usd: int | None = Field(sa_type=BigInteger)
    milliseconds: int
    asked_at: datetime = moment()


class SpendHoldRow(Base, table=True):
    """What an analysis under way may still cost, in billionths of a USD. Gone when it is stored.

    until: when it counts no more, should its process never come to that.
    """

    __tablename__: ClassVar[Any] = "copilot_spend_hold"
    __table_args__: ClassVar[Any] = (Index("ix_copilot_spend_hold_workspace", "workspace_id"),)

    hold_id: str = Field(primary_key=True)
    workspace_id: str
    nano_usd: int = Field(sa_type=BigInteger)
    until: datetime = moment()


SYSTEM_TEXT = table_of(SystemTextRow)
CONSULTATION = table_of(ConsultationRow)
MODEL_CALL = table_of(ModelCallRow)
SPEND_HOLD = table_of(SpendHoldRow)
