"""An address that opens something is shown whole to those who may change it, and to nobody else."""

import json

import pytest

from copilot.policy import Policies, Policy
from copilot.storage.store import Store
from copilot.types.principal import PrincipalKind, Role
from tests.copilot.test_policy import OWNER, ROBOT, setting, somebody

HOOK = "https://hooks.example.com/services/T000/B000/xxWalnut4821xx?token=also"
TOLD = "https://hooks.example.com/… ("


@pytest.fixture
def policies(store: Store) -> Policies:
    made = Policies(store.decisions, Policy())
    made.change(OWNER, {"notify_webhook": HOOK})
    return made


@pytest.mark.parametrize(
    "by",
    [somebody(Role.VIEWER), somebody(Role.OPERATOR), ROBOT],
    ids=["viewer", "operator", "machine of an owner"],
)
def test_others_see_where_it_leads_and_not_what_opens_it(policies: Policies, by) -> None:
    found = setting(policies, "notify_webhook", by)
    assert (found.value[: len(TOLD)], found.writable) == (TOLD, False)
    told = json.dumps([one.model_dump(mode="json") for one in policies.values(by)])
    assert "Walnut" not in told
    assert "token" not in found.value


def test_who_may_change_it_can_write_back_what_is_shown(policies: Policies) -> None:
    person = somebody(Role.OWNER, PrincipalKind.PERSON)
    assert setting(policies, "notify_webhook", person).value == HOOK
    policies.change(person, {"notify_webhook": HOOK})
    assert policies.of("acme").notify_webhook == HOOK


def test_the_audit_tells_two_addresses_apart_and_opens_neither(policies, store: Store) -> None:
    policies.change(OWNER, {"notify_webhook": HOOK + "2"})
    (entry, _) = store.audit.page("acme").items
    changed = entry.details["notify_webhook"]
    assert all(one.startswith(TOLD) for one in changed.values())
    assert changed["from"] != changed["to"]
    assert "Walnut" not in json.dumps(entry.details)


def test_no_address_is_told_as_none(store: Store) -> None:
    bare = Policies(store.decisions, Policy())
    assert setting(bare, "notify_webhook", somebody(Role.VIEWER)).value == ""
