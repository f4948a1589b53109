"""What a workspace decides: bounds, who may change what, and that no change leaves nonsense."""

import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert

from copilot.errors import Forbidden, InvalidInput
from copilot.policy import Policies, Policy, checked_policy
from copilot.policy.bounds import BOUNDS, shown
from copilot.storage.account_tables import WORKSPACE_SETTING
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types.principal import Principal, PrincipalKind, Role, Scope

NUMBERS = st.integers(-5, 700_000) | st.floats(-1, 700_000) | st.sampled_from([0.5, 4.99, 0.0001])
VALUES = st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | st.just("a@b.example")
FREE = [name for name, bounds in BOUNDS.items() if not bounds.fixed]
NEXT = itertools.count()
IN_ONE_DATABASE = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@pytest.fixture
def policies(store: Store) -> Policies:
    return Policies(store.decisions, Policy())


def somebody(
    role: Role = Role.OWNER, kind: PrincipalKind = PrincipalKind.PERSON, workspace: str = "acme"
) -> Principal:
    return Principal(
        id=f"{kind.value}-{role.value}", name="x", workspace_id=workspace, kind=kind, role=role
    )


OWNER = somebody()
ROBOT = somebody(Role.OWNER, PrincipalKind.MACHINE)


def store_raw(store: Store, values: Mapping[str, str], workspace: str = "acme") -> None:
    """As another release may have left it."""
    with store.database.write() as connection:
        for name, value in values.items():
            row = {"workspace_id": workspace, "name": name, "value": value}
            row |= {"changed_by": "old", "changed_by_name": "Old"}
            row |= {"changed_at": store.database.now()}
            connection.execute(insert(WORKSPACE_SETTING), row)


def setting(policies: Policies, name: str, by: Principal = OWNER) -> Any:
    (found,) = (one for one in policies.values(by) if one.name == name)
    return found


def test_what_nobody_decided_is_as_the_installation_has_it(store: Store) -> None:
    policies = Policies(store.decisions, Policy(verify_runs=7))
    assert policies.of("acme") == Policy(verify_runs=7)
    shown_setting = setting(policies, "verify_runs")
    assert (shown_setting.value, shown_setting.default, shown_setting.changed_by) == (7, 7, None)


def test_a_change_counts_at_once_and_in_its_workspace_alone(policies, clock) -> None:
    policies.change(OWNER, {"budget_max_cost_per_task": 9.25, "pattern_window": 20})
    policy = policies.of("acme")
    assert policy.budget_max_cost_per_task == Decimal("9.25")
    assert policy.pattern_window == 20
    assert policies.of("rival") == Policy()
    changed = setting(policies, "budget_max_cost_per_task")
    assert (changed.value, changed.default) == (9.25, None)
    assert (changed.changed_by, changed.changed_by_name) == (OWNER.id, OWNER.name)
    assert changed.changed_at == clock()


def test_reading_a_policy_is_one_query(policies: Policies, store: Store) -> None:
    statements = []
    event.listen(
        store.database.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: statements.append(statement),
    )
    policies.of("acme")
    assert len(statements) == 1


def test_null_goes_back_to_the_default(policies: Policies) -> None:
    policies.change(OWNER, {"verify_runs": 9, "pattern_window": 50})
    policies.change(OWNER, {"verify_runs": None, "nightly_enabled": None})
    assert policies.of("acme") == Policy(pattern_window=50)
    assert setting(policies, "verify_runs").changed_by is None


def test_settings_must_fit_together(policies: Policies) -> None:
    with pytest.raises(InvalidInput, match="must be at most pattern_window: 5 is above 4"):
        policies.change(OWNER, {"pattern_window": 4})
    policies.change(OWNER, {"pattern_window": 4, "pattern_threshold": 4})
    with pytest.raises(InvalidInput, match="Change both at once"):
        policies.change(OWNER, {"pattern_threshold": None})
    assert policies.of("acme") == Policy(pattern_window=4, pattern_threshold=4)
    with pytest.raises(InvalidInput, match="5 is above 3"):
        checked_policy({"pattern_window": 3})
    assert checked_policy({"budget_max_daily_cost": 2.5}).budget_max_daily_cost == Decimal("2.5")


def test_two_changes_at_once_leave_settings_that_fit(policies: Policies) -> None:
    for _ in range(5):
        policies.change(OWNER, {"pattern_window": 10, "pattern_threshold": 5})
        start = Barrier(2)

        def change(values: Mapping[str, int], start: Barrier = start) -> bool:
            start.wait()
            try:
                policies.change(OWNER, values)
            except InvalidInput:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(change, [{"pattern_window": 6}, {"pattern_threshold": 8}]))
        assert sorted(done) == [False, True]
        policy = policies.of("acme")
        assert (policy.pattern_window, policy.pattern_threshold) in {(6, 5), (10, 8)}


@pytest.mark.parametrize(
    ("values", "at_least"),
    [
        ({"pattern_window": 20}, Role.OPERATOR),
        ({"pattern_window": 9}, Role.OWNER),
        ({"pattern_threshold": 4}, Role.OPERATOR),
        ({"pattern_threshold": 6}, Role.OWNER),
        ({"pattern_window": 20, "pattern_threshold": 6}, Role.OWNER),
        ({"agent_model": "some-model"}, Role.OWNER),
        ({"nightly_enabled": False}, Role.OPERATOR),
        ({"approval_seconds": 60}, Role.OPERATOR),
        ({"approval_seconds": 7200}, Role.OWNER),
        ({"verify_runs": 5}, Role.OPERATOR),
        ({"verify_runs": 2}, Role.OWNER),
        ({"undo_seconds": 30}, Role.OPERATOR),
        ({"undo_seconds": 1}, Role.OWNER),
        ({"nightly_digest_to": "ada@acme.example"}, Role.OWNER),
        ({"budget_max_daily_cost": 400}, Role.OPERATOR),
        ({"budget_max_cost_per_task": 2}, Role.OPERATOR),
        ({"budget_max_cost_per_task": 3}, Role.OWNER),
        ({"budget_max_cost_per_task": 6}, Role.OWNER),
        ({"verify_runs": 5, "nightly_credit_cap": 101}, Role.OWNER),
        ({"verify_runs": 3, "nightly_digest_to": ""}, Role.OPERATOR),
    ],
)
def test_who_may_change_what(policies: Policies, values: Mapping[str, Any], at_least: Role) -> None:
    roles = list(Role)
    for kind in PrincipalKind:
        for role in roles:
            by = somebody(role, kind)
            policies.change(OWNER, dict.fromkeys(FREE))
            allowed = roles.index(role) >= roles.index(at_least)
            if kind is PrincipalKind.MACHINE and at_least is Role.OWNER:
                allowed = False
            if allowed:
                policies.change(by, values)
                assert all(
                    shown(getattr(policies.of("acme"), name)) == value
                    for name, value in values.items()
                )
            else:
                with pytest.raises(Forbidden):
                    policies.change(by, values)
                assert policies.of("acme") == Policy()


def test_turning_the_nights_on_again_takes_an_owner(policies: Policies) -> None:
    policies.change(ROBOT, {"nightly_enabled": False})
    for value in (True, None):
        with pytest.raises(Forbidden):
            policies.change(ROBOT, {"nightly_enabled": value})
    policies.change(OWNER, {"nightly_enabled": True})
    assert policies.of("acme") == Policy()


@pytest.mark.parametrize("by", [ROBOT, somebody(Role.APPROVER)], ids=["machine", "person"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"verify_runs": 2}, "verify_runs: lowering it"),
        ({"pattern_threshold": 4, "approval_seconds": 7200}, "approval_seconds: raising it"),
        ({"budget_max_cost_per_task": 6}, "budget_max_cost_per_task: raising or removing it"),
        ({"agent_model": "gpt"}, "agent_model: any change"),
    ],
)
def test_the_refusal_names_the_setting_and_what_loosens_it(policies, by, values, words) -> None:
    with pytest.raises(Forbidden) as refused:
        policies.change(by, values)
    assert str(refused.value) == f"{words} takes an owner, and a person."
    assert refused.value.args[:3] == ("govern", "owner", True)


def test_taking_a_limit_away_loosens_it(policies: Policies) -> None:
    policies.change(OWNER, {"budget_max_daily_cost": 10, "budget_max_cost_per_task": 4})
    for name in ("budget_max_daily_cost", "budget_max_cost_per_task"):
        with pytest.raises(Forbidden):
            policies.change(ROBOT, {name: None})
    policies.change(OWNER, {"budget_max_daily_cost": None})
    assert policies.of("acme").budget_max_daily_cost is None


def test_going_back_to_a_looser_default_loosens(store: Store) -> None:
    policies = Policies(store.decisions, Policy(budget_max_daily_cost=Decimal(100)))
    policies.change(ROBOT, {"budget_max_daily_cost": 10})
    with pytest.raises(Forbidden):
        policies.change(ROBOT, {"budget_max_daily_cost": None})
    stricter = Policies(store.decisions, Policy(budget_max_daily_cost=Decimal(5)))
    stricter.change(ROBOT, {"budget_max_daily_cost": None})
    assert stricter.of("acme").budget_max_daily_cost == 5


def test_what_does_not_change_needs_no_owner_and_leaves_no_trace(policies, store) -> None:
    policies.change(OWNER, {"nightly_digest_to": "ada@acme.example"})
    before = policies.values(ROBOT), store.audit.page("acme").items
    policies.change(ROBOT, {"nightly_digest_to": "ada@acme.example", "verify_runs": 3})
    assert (policies.values(ROBOT), store.audit.page("acme").items) == before


def test_the_audit_has_the_old_and_the_new_values(policies: Policies, store: Store) -> None:
    policies.change(
        ROBOT, {"verify_runs": 9, "budget_max_cost_per_task": 0.5, "pattern_window": 10}
    )
    (entry,) = store.audit.page("acme").items
    assert (entry.action, entry.actor, entry.actor_kind) == ("set_settings", ROBOT.id, "machine")
    assert entry.details == {
        "verify_runs": {"from": 3, "to": 9},
        "budget_max_cost_per_task": {"from": None, "to": 0.5},
    }


def test_writable_is_what_the_one_who_asks_can_change(policies: Policies) -> None:
    def writable(by: Principal) -> set[str]:
        return {one.name for one in policies.values(by) if one.writable}

    assert writable(somebody(Role.VIEWER)) == set()
    assert writable(OWNER) == set(FREE)
    tunable = set(FREE) - {
        "nightly_digest_to",
        "schedule_notices_to",
        "notify_webhook",
        "notify_email_to",
        "notify_on",
        "agent_model",
        "agent_runtime",
        "group_keep",
        "model_policy",
        "analysis_runtime",
        "analysis_model",
        "on_regression",
    }
    assert writable(ROBOT) == writable(somebody(Role.OPERATOR)) == tunable
    least = {"nightly_credit_cap": 0, "verify_runs": 100, "approval_seconds": 1}
    policies.change(OWNER, {**least, "nightly_enabled": False, "pattern_threshold": 2})
    assert writable(ROBOT) == tunable - least.keys() - {"nightly_enabled", "pattern_threshold"}


def test_what_is_shown_can_be_written_back(policies: Policies) -> None:
    policies.change(OWNER, {"budget_max_cost_per_task": 0.1, "nightly_spend_cap_usd": 12.3456})
    before = policies.values(OWNER)
    policies.change(OWNER, {one.name: one.value for one in before if one.name in FREE})
    assert policies.values(OWNER) == before


def test_stored_values_that_are_not_accepted_any_more_count_as_not_there(
    policies: Policies, store: Store
) -> None:
    bad = {
        "verify_runs": "5000",
        "pattern_window": '"ten"',
        "undo_seconds": "not json",
        "nightly_spend_cap_usd": "NaN",
        "budget_max_daily_cost": "null",
        "of_an_older_release": "1",
        "offline_credit_cost": "0",
    }
    store_raw(store, bad | {"approval_seconds": "60"})
    assert policies.of("acme") == Policy(approval_seconds=60)
    assert setting(policies, "verify_runs").changed_by is None
    assert setting(policies, "approval_seconds").changed_by == "old"
    policies.change(OWNER, {"verify_runs": 4})
    assert policies.of("acme") == Policy(approval_seconds=60, verify_runs=4)


def test_stored_values_that_do_not_fit_together_both_go_and_do_not_come_back(store: Store) -> None:
    store_raw(store, {"pattern_threshold": "30", "pattern_window": "20"})
    policies = Policies(store.decisions, Policy())
    assert policies.of("acme") == Policy()
    policies.change(OWNER, {"pattern_window": 50})
    assert policies.of("acme") == Policy(pattern_window=50)


@IN_ONE_DATABASE
@given(values=st.dictionaries(st.sampled_from(FREE), VALUES, max_size=4), by_robot=st.booleans())
def test_no_change_leaves_a_policy_that_is_invalid_or_half_changed(
    policies: Policies, values: Mapping[str, Any], by_robot: bool
) -> None:
    workspace = f"workspace-{next(NEXT)}"
    by = (ROBOT if by_robot else OWNER).model_copy(update={"workspace_id": workspace})
    before = policies.of(workspace)
    try:
        policies.change(by, values)
    except (InvalidInput, Forbidden):
        assert policies.of(workspace) == before
        return
    after = policies.of(workspace)
    assert Policy.model_validate(after.model_dump()) == after
    expected = {
        name: getattr(Policy(), name) if value is None else value for name, value in values.items()
    }
    assert {name: shown(getattr(after, name)) for name in values} == {
        name: shown(value) for name, value in expected.items()
    }
    assert after == before.model_copy(update={name: getattr(after, name) for name in values})


#: The safety of a value as one number: a machine must never make it smaller.
ENDLESS = float("inf")


UNLIMITED = (
    "budget_max_tokens_per_task",
    "budget_max_daily_cost",
    "budget_max_daily_tokens",
    "budget_max_seconds_per_task",
    "workspace_max_running",
    "agent_max_turns",
)


def safety(policy: Policy) -> list[float]:
    values = [getattr(policy, name) for name in UNLIMITED]
    limits = [
        *(ENDLESS if value is None else float(value) for value in values),
        policy.approval_seconds,
        policy.schedule_max_running,
        policy.schedule_failures,
        policy.schedule_breaches,
        policy.nightly_credit_cap,
        policy.nightly_enabled,
        policy.pattern_threshold,
        float(policy.nightly_spend_cap_usd),
    ]
    per_task = policy.budget_max_cost_per_task
    steps = 5.0 if per_task is None else float(per_task)
    others = 2.0 if per_task is None else float(per_task)
    kept = [policy.verify_runs, policy.undo_seconds, policy.pattern_window]
    return [-limit for limit in (*limits, steps, others)] + kept


@IN_ONE_DATABASE
@given(data=st.data())
def test_a_machine_never_loosens_whatever_it_tries(policies: Policies, data) -> None:
    name = data.draw(st.sampled_from(FREE), label="name")
    workspace = f"workspace-{next(NEXT)}"
    for by in (OWNER, ROBOT):
        before = policies.of(workspace)
        value = data.draw(VALUES, label=by.kind.value)
        try:
            policies.change(by.model_copy(update={"workspace_id": workspace}), {name: value})
        except (InvalidInput, Forbidden):
            continue
    after = policies.of(workspace)
    pairs = list(zip(safety(before), safety(after), strict=True))
    assert all(new >= old for old, new in pairs), (before, after)
    assert after.nightly_digest_to == before.nightly_digest_to
    assert after.schedule_notices_to == before.schedule_notices_to
    assert after.agent_model == before.agent_model


def test_only_who_may_read_sees_the_settings(policies: Policies) -> None:
    assert all(Scope.READ in somebody(role).scopes for role in Role)
    assert len(policies.values(somebody(Role.VIEWER))) == len(BOUNDS)


def test_a_change_says_when_it_was(policies: Policies, clock: ManualClock) -> None:
    clock.advance(days=1)
    changed = {one.name: one for one in policies.change(OWNER, {"verify_runs": 4})}
    assert changed["verify_runs"].changed_at == clock()


def test_workspaces_that_have_decided_otherwise_are_known(store: Store) -> None:
    policies = Policies(store.decisions, Policy(workspace_max_running=4))

    def decide(workspace: str, value: int | None) -> None:
        who = OWNER.model_copy(update={"workspace_id": workspace})
        policies.change(who, {"workspace_max_running": value, "verify_runs": 9})

    for workspace, value in {"one": 2, "two": 4, "three": None, "four": 9}.items():
        decide(workspace, value)
    assert policies.own("workspace_max_running") == {"one": 2, "four": 9}
    decide("one", None)
    assert policies.own("workspace_max_running") == {"four": 9}


def test_who_listens_is_told_which_settings_a_workspace_has_changed(policies: Policies) -> None:
    heard: list[tuple[str, list[str]]] = []
    policies.listeners.append(lambda workspace, names: heard.append((workspace, sorted(names))))
    policies.change(OWNER, {"verify_runs": 4, "undo_seconds": 9})
    with pytest.raises(InvalidInput):
        policies.change(OWNER, {"verify_runs": 0})
    assert heard == [("acme", ["undo_seconds", "verify_runs"])]
