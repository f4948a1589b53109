"""What people are told about their schedules."""

import html
import logging
import shlex
from collections.abc import Callable

from ..errors import InvalidInput
from ..settings import Settings
from ..types.engine import ScheduleNotice
from ..types.frozen import visible
from .mail import Letter, Postman

#: A notice is one of many, and comes again: its server gets less time.
NOTICE_SECONDS = 10.0

_log = logging.getLogger(__name__)


class ScheduleMail:
    """Tells people about their schedules, by e-mail; the engine's `Notifier`.

    to: the addresses of a workspace, empty where nobody wants mail: then the log says it.
    """

    def __init__(
        self, settings: Settings, *, to: Callable[[str], str], seconds: float = NOTICE_SECONDS
    ) -> None:
        self._postman = Postman(
            settings, seconds=seconds, deadline=seconds, where="schedule_notices_to"
        )
        self._to = to

    def notify(self, notice: ScheduleNotice) -> None:
        """Returns when it is sent, or never can be. Raises ConnectionError to be called again."""
        to = self._to(notice.workspace_id)
        if not to.strip():
            _log.warning("Workspace %s: %s", notice.workspace_id, notice.text)
            return
        try:
            self._postman.hand_over(schedule_letter(notice), to)
        except InvalidInput as error:
            _log.warning("Workspace %s: %s Not sent: %s", notice.workspace_id, notice.text, error)
        except ConnectionError as error:
            _log.warning("A notice of workspace %s was not sent: %s", notice.workspace_id, error)
            raise


def schedule_letter(notice: ScheduleNotice) -> Letter:
    """What is told, and the commands that lead on."""
    name = visible(notice.workflow_name)
    subject = {
        "pause_near": f"your agent {name!r} is about to be paused",
        "paused": f"your agent {name!r} is paused",
    }[notice.kind]
    commands: list[str] = []
    if notice.execution_id is not None:
        commands.append(f"ask-copilot analyze {notice.execution_id}")
    if notice.kind == "paused":
        commands.append(f"ask-copilot workflows unpause {shlex.quote(visible(notice.workflow_id))}")
    told = visible(notice.text)
    listed = "".join(f"<pre>{html.escape(command)}</pre>" for command in commands)
    return Letter(
        subject=f"Ask Copilot, {visible(notice.workspace_id)}: {subject}",
        text="\n\n".join([told, *(f"  {command}" for command in commands)]) + "\n",
        html=f'<!doctype html>\n<html lang="en"><body><p>{html.escape(told)}</p>{listed}'
        "</body></html>\n",
        identity=notice.id,
    )
