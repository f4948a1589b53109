"""Who asks, in which workspace: what every endpoint gets first."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Request

from ...bootstrap import App
from ...errors import NotFound
from ...service import Copilot

#: Ids are opaque; this only keeps out what no database can hold.
Id = Annotated[str, Path(pattern=r"^[^\x00-\x1f]+$", max_length=200)]


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, by the server's token, in the one workspace that the server was started for."""

    app: App
    workspace_id: str
    actor: str

    @property
    def copilot(self) -> Copilot:
        return self.app.copilot


async def _caller(request: Request, workspace_id: str) -> Caller:
    """Raises NotFound for every other workspace, before anything in it is looked for."""
    app = cast("App", request.app.state.app)
    if workspace_id != app.settings.workspace:
        raise NotFound("workspace")
    return Caller(app=app, workspace_id=workspace_id, actor=app.settings.user)


Asking = Annotated[Caller, Depends(_caller)]
