"""What the routes share: whose workspace it is, ids in paths, and addresses of what was made."""

from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ..definition import LARGEST_DEFINITION
from ..errors import NotFound
from ..tenancy import WorkspaceEngine
from ..workspace import ResourceKind

#: Ids are opaque; this only keeps out what no database can hold.
STORABLE = r"^[^\x00-\x1f\x7f]+$"
Id = Annotated[str, Path(pattern=STORABLE, max_length=200)]
IdInQuery = Annotated[str | None, Query(pattern=STORABLE, max_length=200)]
IdInBody = Annotated[str, Field(pattern=STORABLE, max_length=200)]
DefinitionText = Annotated[str, Field(max_length=LARGEST_DEFINITION)]


class Body(BaseModel):
    """A request body; a field it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


def place(request: Request, workspace: WorkspaceEngine) -> None:
    """Keeps the caller's workspace for the routes of this request."""
    request.state.workspace_engine = workspace


def _placed(request: Request) -> WorkspaceEngine:
    return cast("WorkspaceEngine", request.state.workspace_engine)


Asking = Annotated[WorkspaceEngine, Depends(_placed)]


def _kind(kind: Annotated[str, Path()]) -> ResourceKind:
    """Raises `NotFound`: there is no resource of a kind that does not exist."""
    try:
        return ResourceKind(kind)
    except ValueError:
        raise NotFound("resource") from None


Kind = Annotated[ResourceKind, Depends(_kind)]


def address(request: Request, identifier: str, *, levels_up: int = 0) -> str:
    """The path of a thing in the collection that this request's path ends with.

    *levels_up* is by how many segments the path goes on behind its collection.
    """
    path: str = request.scope["path"]
    segments = path.rstrip("/").split("/")
    collection = "/".join(segments[: len(segments) - levels_up])
    return f"{quote(collection, safe='/')}/{quote(identifier, safe='')}"
