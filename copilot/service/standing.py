"""Standing approvals: signed and revoked by people, and used where they cover a suggested fix."""

from collections.abc import Sequence
from datetime import timedelta

from ..errors import InvalidFix, InvalidInput
from ..fixes import ACTIONS, ALIASES, FIXES, Change, parse_any
from ..pipeline.preview import preview
from ..pipeline.validate import validate
from ..registry import pick
from ..storage.analyses import StoredFix
from ..types import Approval, DryRun, Preview, Verdict
from ..types.principal import Scope
from ..types.standing import LONGEST_STANDING, StandingApproval, StandingTerms, StandingUse
from .caller import Caller
from .parts import Parts
from .standing_needs import StandingNeeds


class LocalStanding:
    """Implements `Standing`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def list(self) -> Sequence[StandingApproval]:
        self._caller.require(Scope.READ)
        told = self._told
        found = self._parts.store.standing.list(self._caller.workspace_id)
        return tuple(told(one) for one in found)

    def create(self, terms: StandingTerms) -> StandingApproval:
        self._caller.require(Scope.GOVERN)
        fix_type = ALIASES.get(terms.fix_type, terms.fix_type)
        if fix_type in ACTIONS:
            problem = f"{fix_type} is an action, not a change: a standing approval covers a diff."
            raise InvalidInput("fix_type", problem, f"Name one of {', '.join(FIXES)}.")
        pick(FIXES, fix_type, kind="fix type")
        if fix_type in self._parts.policies.of(self._caller.workspace_id).second_person_types:
            raise InvalidInput(
                "fix_type", "takes two people, by the setting second_person_for.", ""
            )
        self._require_soon(terms)
        if terms.workflow_id is not None:
            self._parts.target.snapshot(self._caller.workspace_id, terms.workflow_id)  # NotFound
        made = self._parts.store.standing.create(
            self._caller.principal,
            terms.model_copy(update={"fix_type": fix_type}),
            standing_id=self._caller.id_for("standing"),
        )
        return self._told(made)

    def revoke(self, standing_id: str) -> StandingApproval:
        self._caller.require(Scope.APPROVE)  # it takes something away: less than to sign it
        return self._told(self._parts.store.standing.revoke(self._caller.principal, standing_id))

    def uses(self, standing_id: str) -> Sequence[StandingUse]:
        self._caller.require(Scope.READ)
        return self._parts.store.standing.uses(self._caller.workspace_id, standing_id)

    def _told(self, standing: StandingApproval) -> StandingApproval:
        return StandingNeeds(self._parts, self._caller.workspace_id).told(standing)

    def _require_soon(self, terms: StandingTerms) -> None:
        now = self._parts.store.database.now()
        if not now < terms.expires_at <= now + LONGEST_STANDING:
            problem = f"must be from now on, and at most {LONGEST_STANDING.days} days away."
            raise InvalidInput("expires_at", problem, "")


class StandingApprovals:
    """What standing approvals do by themselves: approve what they cover, once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def why_not(self, workspace_id: str, fix_id: str) -> str | None:
        """Why no standing approval reaches the fix as it is now; None where one may. Raises NotFound."""
        stored = self._parts.store.analyses.fix(workspace_id, fix_id)
        found = self._coverable(workspace_id, stored)
        return found if isinstance(found, str) else None

    def use(
        self, workspace_id: str, fix_id: str, *, verdict: Verdict, dry_run: DryRun | None = None
    ) -> Approval | None:
        """An approval of the fix as it is now, by whoever signed; None when nothing covers it.

        verdict: of the analysis that suggests it, dry_run: of its preview as it is now; nothing is
        covered but what is confirmed, and has passed. The approval is one like any other, to be
        applied with `Applier`; the same fix gets it again while it is good, and no second one.
        Raises NotFound.
        """
        stored = self._parts.store.analyses.fix(workspace_id, fix_id)
        if verdict is not Verdict.CONFIRMED or dry_run is None or dry_run.state != "passed":
            return None
        shown = self._coverable(workspace_id, stored)
        if isinstance(shown, str):
            return None

        def covers(standing: StandingApproval) -> bool:
            return standing.workflow_id in {None, stored.workflow_id}

        policy = self._parts.policies.of(workspace_id)
        return self._parts.store.standing.use(
            workspace_id,
            shown,
            covers=covers,
            valid_for=timedelta(seconds=policy.approval_seconds),
        )

    def _coverable(self, workspace_id: str, stored: StoredFix) -> Preview | str:
        """The fix as it is now; or why no standing approval reaches it.

        Actions are none of theirs, for they have no diff that could keep within a reach. Neither is
        a fix that needs an owner where its type does not, nor one that takes two people.
        """
        fix = parse_any(stored.fix)
        if not isinstance(fix, Change):
            return "it is an action, and has no diff"
        if fix.approver != fix.reach.approver:
            return "this one takes an owner who looks at it"
        if stored.fix_type in self._parts.policies.of(workspace_id).second_person_types:
            return "it takes two people"
        base = self._parts.target.snapshot(workspace_id, stored.workflow_id)
        allowed = self._parts.fix_policy(workspace_id)
        try:
            validate(fix, base, problems=self._parts.checker.problems, policy=allowed)
            return preview(fix, fix_id=stored.fix_id, base=base)[0]
        except InvalidFix:
            return "it does not fit the workflow as it is now"
