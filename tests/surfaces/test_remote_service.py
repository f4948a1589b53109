"""The use cases give the same here and over HTTP, every one of the protocol."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count

import httpx2
import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, install_example, workflow_text
from copilot.remote import RemoteService
from copilot.service.protocol import Service
from copilot.settings import load
from copilot.sources import jsonl
from copilot.types.audit import AuditHead
from copilot.types.engine import Override, ResourceKind
from copilot.types.learning import Level
from copilot.types.pasted import PastedError
from copilot.types.principal import PrincipalKind, Role
from copilot.types.standing import StandingTerms
from tests.surfaces.rest_requests import DEFINITION, ENTRY, asking, standing_terms
from tests.surfaces.twins import overheard_server, use_cases

FOREIGN = {"id": "r1", "agent": "crm", "status": "Failed", "error": "Token expired"}
ROUNDS = {"name": "Rounds", "steps": [{"id": "a", "type": "agent", "prompt": "For each: do it."}]}
LATER = datetime(2027, 6, 1, tzinfo=UTC)
_numbers = count()


class Twins:
    """A client and the server that it asks, with makers of things to ask about."""

    def __init__(self, app, remote, overheard, url):
        self.app, self.remote, self.overheard, self.url = app, remote, overheard, url
        self.owner = app.owner()

    def workflow(self):
        name = f"mail-{next(_numbers)}"
        self.owner.workflows.create(workflow_text(URGENT_MAIL), workflow_id=name)
        return name

    def failed(self):
        started = self.owner.executions.start(self.workflow())
        assert self.owner.executions.wait(started.id, 30).status.is_failure
        return started.id

    def report(self):
        return self.owner.analyses.analyze(self.failed())

    def fix(self):
        return next(fix.fix_id for fix in self.report().suggested_fixes if fix.fix_id)

    def handed_over(self):
        """A fix that a person carries out."""
        self.owner.resources.put(
            ResourceKind.INTEGRATION, "Mail", {"type": "gmail", "connected": False}
        )
        step = {"id": "ask", "action": "http_request"}
        step["with"] = {"url": "https://mail.example/", "integration": "Mail"}
        made = self.owner.workflows.create({"name": "Ask", "steps": [step]})
        started = self.owner.executions.start(made.workflow_id)
        assert self.owner.executions.wait(started.id, 30).status.is_failure
        report = self.owner.analyses.analyze(started.id)
        return next(fix.fix_id for fix in report.actions if fix.type == "connect_integration")

    def approval(self):
        fix_id = self.fix()
        preview = self.owner.fixes.preview(fix_id)
        seen = {"digest": preview.digest, "version": preview.base_version}
        return self.owner.fixes.approve(fix_id, **seen).approval_id

    def change(self):
        return self.owner.fixes.apply(self.approval()).change_id

    def verified(self):
        """A change that has held in three runs."""
        change_id = self.change()
        (name,) = [
            one.workflow_id
            for one in self.owner.workflows.list()
            if any(
                made.change_id == change_id for made in self.owner.fixes.changes(one.workflow_id)
            )
        ]
        for _ in range(3):
            started = self.owner.executions.start(name)
            assert self.owner.executions.wait(started.id, 30).status.value == "succeeded"
        return change_id

    def resource(self):
        name = f"template {next(_numbers)}/ä"
        return self.owner.resources.put(ResourceKind.TEMPLATE, name, {"body": "Hi {name}"}).name

    def question(self):
        """A run that waits for a person."""
        made = self.owner.workflows.create(asking())
        started = self.owner.executions.start(made.workflow_id)
        assert self.owner.executions.wait(started.id, 30).status.value == "paused"
        return started.id

    def schedule(self, prompt="Go through the list and look up each."):
        step = {"id": "a", "type": "agent", "prompt": prompt}
        return self.owner.workflows.create(DEFINITION | {"steps": [step]}).workflow_id

    def pattern(self):
        """A workflow and the signature of what it has failed with again and again."""
        name = self.workflow()
        for _ in range(5):
            started = self.owner.executions.start(name)
            assert self.owner.executions.wait(started.id, 30).status.is_failure
        (group,) = self.owner.analyses.patterns(name)
        return name, group.signature

    def suggestion(self):
        """A workflow and the id of what is suggested about it."""
        name = self.schedule()
        return name, self.owner.optimizer.suggestions(name).suggestions[0].suggestion_id

    def entry(self):
        return self.owner.knowledge.put(f"gate_{next(_numbers)}", ENTRY).entry_id

    def quota(self):
        name = f"account {next(_numbers)}/ä"
        self.owner.quotas.override(name, "sends/day", Override(limit=5))
        return name

    def signature(self, name=None):
        name = name or f"failure {next(_numbers)}"
        error = {"message": "Token expired", "fingerprint": name}
        run = jsonl.parse_run(
            FOREIGN | {"id": name, "error": error}, where="line 1", workspace_id="default"
        )
        return self.owner.analyses.analyze_foreign(run).signature

    def ignored(self):
        signature = self.signature()
        return signature, self.owner.groups.ignore(signature).rule_id

    def terms(self, **given):
        return StandingTerms(**standing_terms(**({"workflow_id": self.workflow()} | given)))

    def standing(self):
        return self.owner.standing.create(self.terms()).standing_id

    def key(self):
        kind, role = PrincipalKind.MACHINE, Role.VIEWER
        return self.owner.account.create_key("k", kind=kind, role=role).key_id


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    settings = load({}, data=tmp_path_factory.mktemp("twins"), undo_seconds=60.0)
    with open_app(settings) as app:
        key = app.access.first_owner("default", "ada")
        install_example(app)
        with overheard_server(app) as (url, overheard), RemoteService(url, key.secret) as remote:
            yield Twins(app, remote, overheard, url)


def _approve(twins):
    fix_id = twins.fix()
    preview = twins.owner.fixes.preview(fix_id)
    return twins.remote.fixes.approve(fix_id, digest=preview.digest, version=preview.base_version)


def _foreign(twins):
    run = jsonl.parse_run(FOREIGN, where="line 1", workspace_id="default")
    return twins.remote.analyses.analyze_foreign(run)


def _resume(twins):
    return twins.remote.executions.resume(twins.failed(), mode="partial")


def _replace(twins):
    text = workflow_text(URGENT_MAIL).replace("Urgent mail", "Very urgent mail")
    return twins.remote.workflows.replace(twins.workflow(), text, expected_version=1)


def _decide(twins):
    execution_id = twins.question()
    return twins.remote.executions.decide(
        execution_id, "/ok", decision="rejected", comment="Nein, ä."
    )


def _decide_twice(twins):
    execution_id = twins.question()
    for _ in range(2):
        twins.remote.executions.decide(execution_id, "/ok", decision="approved")


def _create_key(twins):
    return twins.remote.account.create_key(
        "bot", kind=PrincipalKind.MACHINE, role=Role.OPERATOR, expires_at=LATER
    )


def _delete(twins):
    return twins.remote.resources.delete(ResourceKind.TEMPLATE, twins.resource())


def _put(twins):
    return twins.remote.resources.put(
        ResourceKind.TEMPLATE, twins.resource(), {"body": "New"}, expected_version=1
    )


def _merge_what_was_split(twins):
    one, other = twins.signature(), twins.signature()
    twins.owner.groups.split(one, other)
    twins.remote.groups.merge(one, other)


def _test_notices(twins):
    twins.owner.account.set_settings({"notify_email_to": "ada@example.com"})
    return twins.remote.notices.test()


def _list_failures(twins):
    twins.failed()
    return twins.remote.analyses.failures(limit=1)


#: One call of each use case. What the client gives must equal what the server's own service gave.
CALLS = {
    "workflows.list": lambda t: t.remote.workflows.list(),
    "workflows.get": lambda t: t.remote.workflows.get(t.workflow(), 1),
    "workflows.versions": lambda t: t.remote.workflows.versions(t.workflow()),
    "workflows.create": lambda t: t.remote.workflows.create(workflow_text(URGENT_MAIL)),
    "workflows.replace": _replace,
    "workflows.pause": lambda t: t.remote.workflows.pause(t.workflow(), reason="tpl ä"),
    "workflows.unpause": lambda t: t.remote.workflows.unpause(t.workflow()),
    "workflows.hints": lambda t: t.remote.workflows.hints(t.report().workflow_id),
    "executions.start": lambda t: t.remote.executions.start(
        t.workflow(), inputs={"n": [1, "ä"]}, test_mode=True, timeout_seconds=60
    ),
    "executions.list": lambda t: t.remote.executions.list(limit=3),
    "executions.get": lambda t: t.remote.executions.get(t.failed()),
    "executions.steps": lambda t: t.remote.executions.steps(t.failed()),
    "executions.progress": lambda t: t.remote.executions.progress(t.failed()),
    "executions.cancel": lambda t: t.remote.executions.cancel(t.failed()),
    "executions.resume_options": lambda t: t.remote.executions.resume_options(t.failed()),
    "executions.resume": _resume,
    "executions.waiting": lambda t: (t.question(), t.remote.executions.waiting())[1],
    "executions.approvals": lambda t: t.remote.executions.approvals(t.question()),
    "executions.decide": _decide,
    "events.live": lambda t: t.remote.events.live(t.failed()),
    "quotas.list": lambda t: (t.quota(), t.remote.quotas.list())[1],
    "quotas.waiting": lambda t: t.remote.quotas.waiting(),
    "quotas.override": lambda t: t.remote.quotas.override(
        t.quota(), "sends/day", Override(limit=7, timezone="Europe/Paris", resets="rolling")
    ),
    "quotas.restore": lambda t: t.remote.quotas.restore(t.quota(), "sends/day"),
    "schedules.list": lambda t: (t.schedule(), t.remote.schedules.list())[1],
    "schedules.get": lambda t: t.remote.schedules.get(t.schedule()),
    "schedules.starts": lambda t: t.remote.schedules.starts(t.schedule(), limit=3),
    "schedules.warnings": lambda t: t.remote.schedules.warnings(t.schedule()),
    "resources.list": lambda t: t.remote.resources.list(ResourceKind.TEMPLATE),
    "resources.get": lambda t: t.remote.resources.get(ResourceKind.TEMPLATE, t.resource()),
    "resources.put": _put,
    "resources.delete": _delete,
    "analyses.analyze": lambda t: t.remote.analyses.analyze(t.failed()),
    "analyses.analyze_foreign": _foreign,
    "analyses.report": lambda t: t.remote.analyses.report(t.report().analysis_id),
    "analyses.prompt": lambda t: t.remote.analyses.prompt(t.failed()),
    "analyses.debug": lambda t: t.remote.analyses.debug(t.report().workflow_id),
    "analyses.debug_run": lambda t: t.remote.analyses.debug_run(t.failed()),
    "analyses.diagnose": lambda t: t.remote.analyses.diagnose(PastedError(text="KeyError: 'a'")),
    "knowledge.list": lambda t: (t.entry(), t.remote.knowledge.list())[1],
    "knowledge.get": lambda t: t.remote.knowledge.get(t.entry()),
    "knowledge.put": lambda t: t.remote.knowledge.put("flux_gate", ENTRY),
    "knowledge.remove": lambda t: t.remote.knowledge.remove(t.entry()),
    "analyses.failures": _list_failures,
    "analyses.patterns": lambda t: t.remote.analyses.patterns(t.report().workflow_id),
    "groups.list": lambda t: (t.ignored(), t.remote.groups.list(limit=3))[1],
    "groups.get": lambda t: t.remote.groups.get(t.ignored()[0]),
    "groups.split": lambda t: t.remote.groups.split(t.signature(), t.signature(), reason="ä"),
    "groups.merge": lambda t: t.remote.groups.merge(t.signature(), t.signature()),
    "groups.ignore": lambda t: t.remote.groups.ignore(t.signature(), reason="noise"),
    "groups.unignore": lambda t: t.remote.groups.unignore(t.ignored()[0]),
    "groups.forget": lambda t: t.remote.groups.forget(t.ignored()[1]),
    "fixes.preview": lambda t: t.remote.fixes.preview(t.fix()),
    "fixes.recheck": lambda t: t.remote.fixes.recheck(t.handed_over()),
    "fixes.approve": _approve,
    "fixes.waiting": lambda t: t.remote.fixes.waiting(),
    "fixes.apply": lambda t: t.remote.fixes.apply(t.approval()),
    "fixes.undo": lambda t: t.remote.fixes.undo(t.change()),
    "fixes.revert": lambda t: t.remote.fixes.revert(t.change()),
    "fixes.changes": lambda t: t.remote.fixes.changes(t.report().workflow_id),
    "fixes.outcome": lambda t: t.remote.fixes.outcome(t.change()),
    "handoffs.patch": lambda t: t.remote.handoffs.patch(
        t.fix(), path="agents/mail.yaml", content=workflow_text(URGENT_MAIL)
    ),
    "handoffs.handoff": lambda t: t.remote.handoffs.handoff(t.fix()),
    "notices.list": lambda t: (_test_notices(t), t.remote.notices.list(limit=1))[1],
    "notices.test": lambda t: _test_notices(t),
    "notices.secret": lambda t: (t.owner.notices.secret(), t.remote.notices.secret())[1],
    "account.credits": lambda t: t.remote.account.credits(),
    "account.receipts": lambda t: t.remote.account.receipts(limit=2),
    "account.grant": lambda t: t.remote.account.grant(500, key="invoice 7"),
    "account.settings": lambda t: t.remote.account.settings(),
    "account.set_settings": lambda t: t.remote.account.set_settings(
        {"budget_max_daily_cost": 12.5, "agent_model": None}
    ),
    "account.keys": lambda t: t.remote.account.keys(),
    "account.create_key": _create_key,
    "account.revoke_key": lambda t: t.remote.account.revoke_key(t.key()),
    "account.audit_head": lambda t: t.remote.account.audit_head(),
    "account.verify_audit": lambda t: t.remote.account.verify_audit(
        head=t.owner.account.audit_head()
    ),
    "standing.list": lambda t: (t.standing(), t.remote.standing.list())[1],
    "standing.create": lambda t: t.remote.standing.create(t.terms()),
    "standing.revoke": lambda t: t.remote.standing.revoke(t.standing()),
    "standing.uses": lambda t: t.remote.standing.uses(t.standing()),
    "account.audit": lambda t: t.remote.account.audit(limit=2),
    "account.runtimes": lambda t: t.remote.account.runtimes(),
    "optimizer.optimize": lambda t: t.remote.optimizer.optimize(ROUNDS, workflow_id=t.schedule()),
    "optimizer.suggestions": lambda t: t.remote.optimizer.suggestions(t.schedule()),
    "optimizer.dismiss": lambda t: t.remote.optimizer.dismiss(*t.suggestion(), reason="gewollt, ä"),
    "learning.summary": lambda t: (t.change(), t.remote.learning.summary())[1],
    "learning.feedback": lambda t: t.remote.learning.feedback(
        t.report().analysis_id, helpful=False, reason="nein, ä"
    ),
    "learning.levels": lambda t: t.remote.learning.levels(),
    "learning.set_level": lambda t: t.remote.learning.set_level("timeout", Level.SUGGEST),
    "learning.case": lambda t: t.remote.learning.case(t.verified()),
    "patterns.list": lambda t: (t.pattern(), t.remote.patterns.list(limit=3))[1],
    "patterns.dismiss": lambda t: t.remote.patterns.dismiss(*t.pattern(), reason="bekannt, ä"),
    "patterns.reopen": lambda t: t.remote.patterns.reopen(*t.pattern(), reason="again"),
    "patterns.pause": lambda t: t.remote.patterns.pause(*t.pattern()),
    "patterns.causes": lambda t: t.remote.patterns.causes(since=LATER - timedelta(9), until=LATER),
    "nights.run": lambda t: t.remote.nights.run(credit_cap=1, spend_cap_usd=Decimal("0.50")),
    "nights.latest": lambda t: (t.owner.nights.run(), t.remote.nights.latest())[1],
}
#: The client asks in another way than the service does: for the progress, and for a stream.
IN_ANOTHER_WAY = {"executions.wait", "events.follow"}


def test_no_use_case_is_without_a_twin():
    assert set(use_cases()) == CALLS.keys() | IN_ANOTHER_WAY


def test_the_client_is_a_service(twins):
    assert twins.remote.principal.workspace_id == "default"
    assert twins.remote.principal.role is Role.OWNER
    parts = {name for name, one in vars(Service).items() if isinstance(one, property)}
    assert all(hasattr(twins.remote, part) for part in parts)


@pytest.mark.parametrize("name", CALLS)
def test_it_gives_what_the_service_gave(twins, name):
    found = CALLS[name](twins)
    given = twins.overheard.last(name)
    assert not isinstance(given, Exception)
    assert found == given
    assert isinstance(found, type(given))


def test_waiting_ends_with_the_run(twins):
    started = twins.remote.executions.start(twins.workflow())
    found = twins.remote.executions.wait(started.id, 30)
    assert found == twins.owner.executions.get(started.id)
    assert twins.remote.executions.wait(started.id, 0) == found


def test_waiting_ends_where_a_person_has_to_go_on(twins):
    execution_id = twins.question()
    found = twins.remote.executions.wait(execution_id, 30)
    assert found == twins.owner.executions.get(execution_id)
    assert found.status.value == "paused"


def test_effects_are_repeated_only_where_that_is_said(twins):
    resumed = twins.remote.executions.resume(twins.failed(), repeat_effects=True)
    assert resumed == twins.overheard.last("executions.resume")
    entry = twins.owner.account.audit(limit=1).items[0]
    assert entry.details["repeat_effects"] is True


@pytest.mark.parametrize("path", ["/ok", "ok"])
def test_a_question_has_its_path_with_and_without_a_slash(twins, path):
    for service in (twins.owner, twins.remote):
        execution_id = twins.question()
        service.executions.decide(execution_id, path, decision="approved")
        ended = twins.owner.executions.wait(execution_id, 30)
        assert ended.status.value == "succeeded"


def test_what_may_go_wrong_with_a_schedule_is_told_from_afar(twins):
    (warning,) = twins.remote.schedules.warnings(twins.schedule())
    assert (warning.code, warning.severity, warning.step) == ("loop_pattern", "high", "a")


def test_outputs_come_with_the_steps_only_when_asked_for(twins):
    execution_id = twins.failed()
    steps = partial(twins.remote.executions.steps, execution_id)
    local = partial(twins.owner.executions.steps, execution_id)
    assert steps() == local()
    assert steps()[0].output
    assert steps(outputs=False) == local(outputs=False)


def test_pages_follow_each_other(twins):
    for _ in range(3):
        twins.report()
    for page in (
        twins.remote.analyses.failures,
        twins.remote.account.receipts,
        twins.remote.account.audit,
    ):
        first = page(limit=1)
        second = page(limit=1, cursor=first.next_cursor)
        assert first.items != second.items


#: The same for errors: the class and the arguments of the server's own.
REFUSALS = {
    "workflows.get": lambda t: t.remote.workflows.get("nope"),
    "workflows.create": lambda t: t.remote.workflows.create("name: x", workflow_id="x"),
    "workflows.replace": lambda t: t.remote.workflows.replace(
        t.workflow(), workflow_text(URGENT_MAIL), expected_version=7
    ),
    "executions.start": lambda t: t.remote.executions.start("nope"),
    "executions.get": lambda t: t.remote.executions.get("nope"),
    "executions.list": lambda t: t.remote.executions.list(cursor="nope"),
    "workflows.hints": lambda t: t.remote.workflows.hints("nope"),
    "executions.resume": lambda t: t.remote.executions.resume("nope"),
    "executions.approvals": lambda t: t.remote.executions.approvals("nope"),
    "executions.decide": lambda t: t.remote.executions.decide(
        t.question(), "/nope", decision="approved"
    ),
    "executions.decide, twice": _decide_twice,
    "events.live": lambda t: t.remote.events.live("nope"),
    "quotas.restore": lambda t: t.remote.quotas.restore("nope", "sends/day"),
    "schedules.get": lambda t: t.remote.schedules.get("nope"),
    "schedules.warnings": lambda t: t.remote.schedules.warnings("nope"),
    "resources.get": lambda t: t.remote.resources.get(ResourceKind.DOCUMENT, "nope"),
    "analyses.analyze": lambda t: t.remote.analyses.analyze("nope"),
    "analyses.report": lambda t: t.remote.analyses.report("nope"),
    "analyses.prompt": lambda t: t.remote.analyses.prompt("nope"),
    "analyses.debug": lambda t: t.remote.analyses.debug("nope"),
    "analyses.debug_run": lambda t: t.remote.analyses.debug_run("nope"),
    "knowledge.get": lambda t: t.remote.knowledge.get("nope"),
    "knowledge.put": lambda t: t.remote.knowledge.put("flux_gate", "colour: red"),
    "knowledge.remove": lambda t: t.remote.knowledge.remove("nope"),
    "analyses.patterns": lambda t: t.remote.analyses.patterns("nope"),
    "analyses.failures": lambda t: t.remote.analyses.failures(cursor="nope"),
    "groups.get": lambda t: t.remote.groups.get("nope"),
    "groups.split": lambda t: t.remote.groups.split(t.signature(), "nope"),
    "groups.merge": lambda t: _merge_what_was_split(t),
    "groups.ignore": lambda t: t.remote.groups.ignore("nope"),
    "groups.forget": lambda t: t.remote.groups.forget("nope"),
    "fixes.preview": lambda t: t.remote.fixes.preview("fix_nope"),
    "fixes.recheck": lambda t: t.remote.fixes.recheck(t.fix()),
    "fixes.approve": lambda t: t.remote.fixes.approve(t.fix(), digest="0" * 64, version=1),
    "fixes.apply": lambda t: t.remote.fixes.apply("nope"),
    "fixes.undo": lambda t: t.remote.fixes.undo("nope"),
    "fixes.outcome": lambda t: t.remote.fixes.outcome("nope"),
    "fixes.changes": lambda t: t.remote.fixes.changes("nope"),
    "learning.feedback": lambda t: t.remote.learning.feedback("nope", helpful=True),
    "learning.set_level": lambda t: t.remote.learning.set_level("nope", Level.OBSERVE),
    "learning.case": lambda t: t.remote.learning.case("nope"),
    "learning.case, not verified": lambda t: t.remote.learning.case(t.change()),
    "account.verify_audit": lambda t: t.remote.account.verify_audit(
        head=AuditHead(workspace_id="another")
    ),
    "standing.create": lambda t: t.remote.standing.create(t.terms(workflow_id="nope")),
    "standing.create, no type": lambda t: t.remote.standing.create(t.terms(fix_type="replace")),
    "standing.create, too long": lambda t: t.remote.standing.create(
        t.terms(expires_at="2999-01-01T00:00:00Z")
    ),
    "standing.revoke": lambda t: t.remote.standing.revoke("nope"),
    "standing.uses": lambda t: t.remote.standing.uses("nope"),
    "account.revoke_key": lambda t: t.remote.account.revoke_key("nope"),
    "account.set_settings": lambda t: t.remote.account.set_settings({"undo_seconds": -1}),
    "account.create_key": lambda t: t.remote.account.create_key(
        "x", kind=PrincipalKind.PERSON, role=Role.OWNER, replaces="nope"
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_refuses_as_the_service_did(twins, name):
    with pytest.raises(Exception, match=r".") as raised:
        REFUSALS[name](twins)
    _, given = twins.overheard.calls[-1]
    assert type(raised.value) is type(given), given
    assert raised.value.args == given.args
    assert str(raised.value) == str(given)


def test_a_role_that_may_not_is_told_so(twins):
    made = twins.owner.account.create_key("v", kind=PrincipalKind.PERSON, role=Role.VIEWER)
    url = twins.url
    with RemoteService(url, made.secret) as viewer, pytest.raises(Exception, match="role") as told:
        viewer.account.grant(5)
    assert (told.value.code, told.value.args) == ("forbidden", ("govern", "owner", True))


def test_a_key_that_is_none_is_refused(twins):
    url = twins.url
    with RemoteService(url, "ask_nope") as nobody, pytest.raises(Exception, match="API key") as no:
        _ = nobody.principal
    assert no.value.code == "unauthenticated"


class LosesAnswers(httpx2.BaseTransport):
    """A network on which the first answer to each changing request is lost."""

    def __init__(self):
        self._inner = httpx2.HTTPTransport(trust_env=False)
        self._seen = set()

    def handle_request(self, request):
        answer = self._inner.handle_request(request)
        key = request.headers.get("idempotency-key")
        if key is None or key in self._seen:
            return answer
        self._seen.add(key)
        answer.read()
        answer.close()
        raise httpx2.ReadError("lost")

    def close(self):
        self._inner.close()


def test_what_was_done_before_the_answer_was_lost_is_not_done_again(twins):
    key = twins.owner.account.create_key("lossy", kind=PrincipalKind.PERSON, role=Role.OWNER)
    lossy = RemoteService(twins.url, key.secret, transport=LosesAnswers(), sleep=lambda _: None)
    with lossy:
        workflow = lossy.workflows.create(workflow_text(URGENT_MAIL)).workflow_id
        started = lossy.executions.start(workflow)
        twins.owner.executions.wait(started.id, 30)
        before = twins.owner.account.credits()
        lossy.account.grant(40)
        report = lossy.analyses.analyze(started.id)
        fix_id = next(fix.fix_id for fix in report.suggested_fixes if fix.fix_id)
        preview = lossy.fixes.preview(fix_id)
        seen = {"digest": preview.digest, "version": preview.base_version}
        change = lossy.fixes.apply(lossy.fixes.approve(fix_id, **seen).approval_id)
        lossy.fixes.undo(change.change_id)
    after = twins.owner.account.credits()
    assert [one.id for one in twins.owner.executions.list(workflow_id=workflow).executions] == [
        started.id
    ]
    assert (after.granted - before.granted, after.spent - before.spent) == (40, 1)
    assert [one.kind for one in twins.owner.fixes.changes(workflow)] == ["undo", "fix"]
    assert [one.version for one in twins.owner.workflows.versions(workflow)] == [3, 2, 1]


def test_a_decision_whose_answer_was_lost_is_made_once(twins):
    key = twins.owner.account.create_key("lossy", kind=PrincipalKind.PERSON, role=Role.OWNER)
    lossy = RemoteService(twins.url, key.secret, transport=LosesAnswers(), sleep=lambda _: None)
    execution_id = twins.question()
    with lossy:
        lossy.executions.decide(execution_id, "/ok", decision="approved")
    (decided,) = twins.owner.executions.approvals(execution_id)
    assert decided.status == "approved"
    assert twins.owner.executions.wait(execution_id, 30).status.value == "succeeded"


def test_a_name_of_a_quota_that_is_none_is_refused_alike(twins):
    for name in ("sends", "sends/fortnight", "/day"):
        errors = []
        for service in (twins.owner, twins.remote):
            with pytest.raises(Exception, match="invitations/day") as raised:
                service.quotas.override("LinkedIn", name, Override(limit=1))
            errors.append((type(raised.value), raised.value.args))
        assert errors[0] == errors[1]
    with pytest.raises(Exception, match="slash"):
        twins.remote.quotas.override("LinkedIn", "a/b/day", Override(limit=1))
