"""Who asks, in which workspace: what every endpoint gets first."""

from typing import Annotated, cast

from fastapi import Depends, Path, Query, Request

from ...bootstrap import App
from ...errors import NotFound
from ...service import Service
from ...service.local import LocalService
from ...types.principal import Principal

#: Ids are opaque; this only keeps out what no database can hold.
Id = Annotated[str, Path(pattern=r"^[^\x00-\x1f]+$", max_length=200)]
WorkflowFilter = Annotated[str | None, Query(pattern=r"^[^\x00-\x1f]+$", max_length=200)]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9_=-]+$", max_length=300, description="next_cursor of the page before."
    ),
]
Limit = Annotated[int, Query(ge=1, le=100)]


async def service(request: Request, workspace_id: str) -> LocalService:
    """Raises NotFound for every workspace but the key's, before anything in it is looked for."""
    principal = asker(request)
    if workspace_id != principal.workspace_id:
        raise NotFound("workspace")
    app = cast("App", request.app.state.app)
    return app.copilot.serve(principal, request_key=request.state.request_key)


def asker(request: Request) -> Principal:
    """The holder of the key, as the gate has found it."""
    return cast("Principal", request.state.principal)


Asking = Annotated[Service, Depends(service)]
