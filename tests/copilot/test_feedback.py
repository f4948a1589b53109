"""A thumb a person and analysis, changeable, counted where the analysis came from."""

import pytest

from copilot.errors import NotFound
from copilot.storage.store import Store
from copilot.types.principal import Principal, Role
from tests.copilot.storage_builders import a_failure, a_finished_analysis


def person(name: str, workspace_id: str = "acme") -> Principal:
    return Principal(id=name, name=name.title(), workspace_id=workspace_id, role=Role.OPERATOR)


@pytest.fixture
def analysed(store: Store) -> Store:
    store.ledger.reserve("acme", "key-1", price=1)
    store.analyses.finish(a_finished_analysis(a_failure()))
    return store


def counted(store: Store) -> list[tuple[str, int, int]]:
    return [
        (one.name, one.helpful, one.not_helpful)
        for one in (*store.feedback.by_runtime("acme"), *store.feedback.by_cause("acme"))
    ]


def test_every_persons_last_word_counts(analysed: Store) -> None:
    give = analysed.feedback.give
    give(person("ana"), "analysis-1", helpful=False, reason="It was the firewall.")
    give(person("ben"), "analysis-1", helpful=True, reason="")
    assert counted(analysed) == [("offline", 1, 1), ("missing_template", 1, 1)]
    changed = give(person("ana"), "analysis-1", helpful=True, reason="No, it was right.")
    assert (changed.helpful, changed.by_name) == (True, "Ana")
    assert counted(analysed) == [("offline", 2, 0), ("missing_template", 2, 0)]


def test_an_analysis_of_another_workspace_is_not_there(analysed: Store) -> None:
    with pytest.raises(NotFound):
        analysed.feedback.give(person("eve", "rival"), "analysis-1", helpful=True, reason="")
    assert counted(analysed) == []
