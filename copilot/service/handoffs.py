"""A fix given to somebody else: as a patch of the file that a person keeps, and in words."""

from ..characters import escape_hidden
from ..errors import InvalidFix, NotFound
from ..fixes import Action, Change, parse_any, type_of
from ..handoff import Handed, as_markdown
from ..pipeline.preview import unified_diff
from ..pipeline.validate import validate
from ..redaction import Redactor
from ..snapshot import Snapshot
from ..storage.analyses import StoredFix
from ..targets.patch_file import checked_path, make_patch
from ..types import Report
from ..types.handoff import FixPatch, HandOff
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts


class LocalHandOffs:
    """Implements `HandOffs`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def patch(self, fix_id: str, *, path: str, content: str) -> FixPatch:
        self._caller.require(Scope.READ)
        stored = self._parts.store.analyses.fix(self._caller.workspace_id, fix_id)
        place = checked_path(path)
        fix = parse_any(stored.fix)
        if not isinstance(fix, Change):
            raise InvalidFix(type_of(fix), "it changes no definition, so there is no patch of it.")
        current = self._snapshot(stored)
        own = current.model_copy(update={"definition": self._parts.definitions.read(content)})
        changed = self._changed(fix, own)
        made = make_patch(
            own, changed, path=place, content=content, read=self._parts.definitions.read
        )
        notes = made.notes
        if own.definition != current.definition:
            differs = (
                f"The file is not what version {current.version} of the workflow says. The change "
                "was made for the file as it is."
            )
            notes = (differs, *notes)
        text = self._text(
            Handed(
                workflow_id=stored.workflow_id,
                report=self._report(stored),
                summary=fix.summary(own),
                diff=escape_hidden(made.patch),
                patch_path=place,
                notes=notes,
                needed=self._needed,
            )
        )
        self._caller.record("hand_off_fix", fix_id, form="patch", path=place)
        return FixPatch(
            fix_id=fix_id,
            path=place,
            patch=made.patch,
            in_place=made.in_place,
            notes=notes,
            handoff=text,
        )

    def handoff(self, subject: str) -> HandOff:
        self._caller.require(Scope.READ)
        text = self._text(self._handed(subject))
        self._caller.record("hand_off_fix", subject, form="text")
        return HandOff(subject=subject, text=text)

    def _handed(self, subject: str) -> Handed:
        store, workspace_id = self._parts.store, self._caller.workspace_id
        try:
            stored = store.analyses.fix(workspace_id, subject)
        except NotFound:
            try:
                report = store.analyses.get(workspace_id, subject)
            except NotFound:
                raise NotFound("fix") from None
            return Handed(workflow_id=report.workflow_id, report=report, needed=self._needed)
        fix, report = parse_any(stored.fix), self._report(stored)
        if isinstance(fix, Action):
            words = stored.preview.summary if stored.preview else fix.button
            return Handed(
                workflow_id=stored.workflow_id, report=report, summary=words, needed=self._needed
            )
        base = self._snapshot(stored)
        return Handed(
            workflow_id=stored.workflow_id,
            report=report,
            summary=fix.summary(base),
            diff=unified_diff(base, self._changed(fix, base)),
            version=base.version,
            needed=self._needed,
        )

    def _text(self, handed: Handed) -> str:
        redactor = Redactor()
        return as_markdown(handed, redact=lambda text: redactor.redact(self._parts.mask(text)).text)

    def _snapshot(self, stored: StoredFix) -> Snapshot:
        return self._parts.target.snapshot(self._caller.workspace_id, stored.workflow_id)

    def _changed(self, fix: Change, base: Snapshot) -> Snapshot:
        """As every fix is checked that is to be previewed, approved or applied."""
        policy = self._parts.fix_policy(base.workspace_id)
        return validate(fix, base, problems=self._parts.checker.problems, policy=policy)

    def _report(self, stored: StoredFix) -> Report | None:
        if stored.analysis_id is None:
            return None
        return self._parts.store.analyses.get(self._caller.workspace_id, stored.analysis_id)

    @property
    def _needed(self) -> int:
        return self._parts.policies.of(self._caller.workspace_id).verify_runs
