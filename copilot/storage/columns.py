"""What the declarations of all the copilot's tables share: their catalog, times and long texts."""

from typing import Any, cast

from sqlalchemy import MetaData, Table, Text
from sqlmodel import Field, SQLModel

from .database import Moment

NAMING = {
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(SQLModel):
    # its own, apart from the engine's
    metadata = MetaData(naming_convention=NAMING)  # pyright: ignore[reportIncompatibleVariableOverride]


def moment(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_type=cast(Any, Moment), nullable=nullable)


def text(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_type=Text, nullable=nullable)


def table_of(row: type[Base]) -> Table:
    return cast(Table, cast(Any, row).__table__)
