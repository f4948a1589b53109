"""Entries of one's own: in a folder, in a workspace, over those that are shipped."""

import time

import pytest

import knowledge_base
from copilot.bootstrap import open_app
from copilot.errors import Forbidden, InvalidInput, NotFound
from copilot.settings import load
from copilot.storage.holdings import holdings
from copilot.types.pasted import PastedError
from knowledge_base import InvalidKnowledge
from knowledge_base.own import (
    LARGEST_ENTRY,
    MOST_ENTRIES,
    check_examples,
    own_entry,
    read_own,
    with_own,
)
from tests.copilot.test_service import Bench
from tests.surfaces.test_kb_commands import GATE

BASE = knowledge_base.load()
CLOSED = "the flux gate is closed in sector7"

HOSTILE = {
    "bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "deep": "[" * 5_000,
    "long": "#" * (LARGEST_ENTRY + 1),
    "empty": "",
    "list": "- a",
    "nul": GATE + "\0",
    "half a character": GATE + "# \ud800",
    "other id": GATE + "id: another\n",
    "python": "!!python/object/apply:os.system ['true']",
    "unbounded": GATE.replace("gate\\sis", ".*is"),
    "unbounded, in other signs": GATE.replace("gate\\sis", "g{,}is"),
    "too wide, in other signs": GATE.replace("gate\\sis", "g{,900}is"),
    "nested repeat": GATE.replace("gate\\sis", "(?:a{1,50}){1,50}is"),
    "too many phrases": GATE.replace(
        "[flux gate is closed]", f"['{' | '.join(f'word {n}' for n in range(500))}']"
    ),
    "no examples": GATE.partition("examples:")[0],
    "wrong type": GATE.replace("weight: 93", "weight: heavy"),
}


def test_an_entry_extends_what_is_shipped_and_leaves_it_as_it_was():
    merged = with_own(BASE, {"flux_gate_closed": own_entry("flux_gate_closed", GATE)})
    assert merged.own == {"flux_gate_closed"}
    assert merged.revision != BASE.revision
    assert "flux_gate_closed" not in BASE.entries
    assert len(merged.entries) == len(BASE.entries) + 1


def test_an_entry_with_a_shipped_name_takes_its_place():
    entry = own_entry("disk_full", GATE)
    merged = with_own(BASE, {"disk_full": entry})
    assert merged.entries["disk_full"] is entry
    assert len(merged.entries) == len(BASE.entries)


def test_a_general_entry_keeps_its_class():
    with pytest.raises(InvalidKnowledge, match="timeout"):
        with_own(BASE, {"timeout": own_entry("timeout", GATE)})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_entry_is_refused_at_once_by_name(name):
    started = time.process_time()
    with pytest.raises(InvalidKnowledge, match=r"^flux_gate_closed: "):
        own_entry("flux_gate_closed", HOSTILE[name])
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "x" * 70, "é"])
def test_a_name_that_is_no_id_is_refused(name):
    with pytest.raises(InvalidKnowledge, match="id: "):
        own_entry(name, GATE)


@pytest.mark.parametrize(
    "find",
    ["[a-z]{0,200}" * 6, "a?" * 30, "a{0,19}" * 8, "(?:a|a)" * 20, "<w:a><w:b><w:sector>"],
    ids=["wide", "optional", "narrow", "alternatives", "words"],
)
def test_repeats_that_multiply_are_refused(find):
    hostile = GATE.replace("gate\\sis\\sclosed\\sin\\s<w:sector>", f"{find}sector")
    assert hostile != GATE
    with pytest.raises(
        InvalidKnowledge, match=r"patterns\.0\.find: it can be tried in [\d,]+ ways"
    ):
        own_entry("flux_gate_closed", hostile)


@pytest.mark.parametrize(
    "find",
    ["[a-z]{0,99}[a-z]{0,99}z", "a?" * 14 + "z", "(?:a|aa)" * 14 + "z"],
    ids=["wide", "optional", "alternatives"],
)
def test_the_most_that_is_allowed_is_cheap_on_a_text_made_for_it(find):
    hostile = GATE.replace("gate\\sis\\sclosed\\sin\\s<w:sector>", find)
    entry = own_entry("flux_gate_closed", hostile)
    merged = with_own(BASE, {entry.id: entry})
    text = f"flux gate is closed {'a' * 20_000}"
    seen = knowledge_base.observe(message=text, error_type=None, traceback=None, step_action=None)
    started = time.process_time()
    merged.matches(seen)
    assert time.process_time() - started < 3.0


def test_an_example_that_does_not_hold_is_named():
    entry = own_entry(
        "flux_gate_closed",
        GATE.replace("the flux gate is closed in", "the flux gate was closed in"),
    )
    with pytest.raises(InvalidKnowledge, match=r"examples\.match\.0: no pattern matches it"):
        check_examples(with_own(BASE, {entry.id: entry}), entry)


def test_a_folder_is_read_whole_or_not_at_all(tmp_path):
    (tmp_path / "flux_gate_closed.yaml").write_text(GATE)
    (tmp_path / "notes.txt").write_text("not an entry")
    assert list(read_own(tmp_path)) == ["flux_gate_closed"]
    (tmp_path / "broken.yaml").write_text("root_cause: timeout")
    with pytest.raises(InvalidKnowledge, match=r"broken\.yaml: "):
        read_own(tmp_path)


def test_a_folder_has_bounds(tmp_path):
    for number in range(MOST_ENTRIES + 1):
        (tmp_path / f"entry_{number}.yaml").write_text(GATE)
    with pytest.raises(InvalidKnowledge, match="more than 200"):
        read_own(tmp_path)
    with pytest.raises(InvalidKnowledge, match="folder"):
        read_own(tmp_path / "nowhere")


# ---------------------------------------------------------------- of a workspace


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("own"))) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def asked_about(bench, text=CLOSED):
    return bench.service.analyses.diagnose(PastedError(text=text))


def test_a_workspace_extends_what_it_knows_and_takes_it_back(bench):
    before = asked_about(bench)
    assert before.failures[0].diagnosis.entry != "flux_gate_closed"
    stored = bench.service.knowledge.put("flux_gate_closed", GATE)
    assert (stored.root_cause, stored.overrides, stored.problem) == ("upstream_error", False, None)
    found = asked_about(bench)
    assert found.root_cause == "upstream_error"
    assert found.failures[0].own_entry
    assert bench.service.knowledge.list() == (stored,)
    bench.service.knowledge.remove("flux_gate_closed")
    assert asked_about(bench) == before
    with pytest.raises(NotFound):
        bench.service.knowledge.remove("flux_gate_closed")


def test_a_report_says_that_the_entry_is_the_workspaces_own(bench):
    failed = bench.run()
    shipped = bench.analyze(failed)
    assert shipped.own_entry is None
    own = GATE.replace("upstream_error", "missing_resource").replace("weight: 93", "weight: 100")
    own = own.replace("flux gate is closed", "range")
    own = "\n".join(x for x in own.splitlines() if "find:" not in x)
    own = own.replace("the range in sector7", "Range 'UrgentEmails' not found")
    own = own.replace("the flux gate is closed in sector7", "Range 'UrgentEmails' not found")
    bench.service.knowledge.put("named_range_missing", own)
    report = bench.analyze(bench.run(), request_key="again")
    assert report.own_entry == "named_range_missing"
    assert "flux gate" in report.explanation


def test_what_is_refused_leaves_everything_as_it_was(bench):
    bench.service.knowledge.put("flux_gate_closed", GATE)
    with pytest.raises(InvalidInput, match=r"flux_gate_closed: root_cause: "):
        bench.service.knowledge.put("flux_gate_closed", GATE.replace("upstream_error", "luck"))
    with pytest.raises(InvalidInput, match=r"examples\.no_match\.0"):
        bench.service.knowledge.put(
            "flux_gate_closed", GATE.replace("the gate answered late", CLOSED)
        )
    assert bench.service.knowledge.get("flux_gate_closed").content == GATE
    actions = [one.action for one in bench.service.account.audit().items]
    assert actions.count("put_knowledge") == 1


def test_who_may_not_change_settings_may_not_teach(bench):
    viewer = bench.as_a("person", "viewer")
    assert viewer.knowledge.list() == ()
    with pytest.raises(Forbidden):
        viewer.knowledge.put("flux_gate_closed", GATE)
    with pytest.raises(Forbidden):
        viewer.knowledge.remove("flux_gate_closed")


def test_what_another_workspace_knows_is_not_there(bench):
    bench.service.knowledge.put("flux_gate_closed", GATE)
    other = Bench(bench.app).service
    assert other.knowledge.list() == ()
    with pytest.raises(NotFound):
        other.knowledge.get("flux_gate_closed")
    found = other.analyses.diagnose(PastedError(text=CLOSED))
    assert not found.failures[0].own_entry


def test_a_folder_of_the_installation_counts_for_every_workspace(tmp_path):
    folder = tmp_path / "entries"
    folder.mkdir()
    (folder / "flux_gate_closed.yaml").write_text(GATE)
    with open_app(load({}, data=tmp_path / "data", knowledge=folder), dispatch=False) as app:
        found = app.owner().analyses.diagnose(PastedError(text=CLOSED))
        assert found.failures[0].diagnosis.entry == "flux_gate_closed"
        app.owner().knowledge.put("flux_gate_closed", GATE.replace("was closed", "was shut"))
        told = app.owner().analyses.diagnose(PastedError(text=CLOSED)).failures[0]
        assert "was shut" in told.diagnosis.explanation


def test_a_broken_folder_of_the_installation_is_told_when_it_starts(tmp_path):
    folder = tmp_path / "entries"
    folder.mkdir()
    (folder / "broken.yaml").write_text("root_cause: luck")
    settings = load({}, data=tmp_path / "data", knowledge=folder)
    with pytest.raises(InvalidKnowledge, match=r"broken\.yaml"), open_app(settings, dispatch=False):
        pass


def test_an_entry_that_an_older_release_accepted_is_left_out_and_told(bench):
    bench.service.knowledge.put("flux_gate_closed", GATE)
    bench.service.knowledge.put(
        "flux_gate_open", GATE.replace("is closed", "is ajar").replace("\\sclosed", "\\sajar")
    )
    with bench.engine.database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE copilot_own_entry SET content = 'colour: red', stamp = 'older' "
            f"WHERE workspace_id = '{bench.workspace}' AND entry_id = 'flux_gate_closed'"
        )
    broken, kept = bench.service.knowledge.list()
    assert broken.problem is not None
    assert broken.root_cause is None
    assert (kept.entry_id, kept.problem) == ("flux_gate_open", None)
    assert not asked_about(bench).failures[0].own_entry


def test_a_workspace_has_so_many_entries_and_no_more(bench):
    with bench.engine.database.begin() as connection:
        for number in range(MOST_ENTRIES):
            connection.exec_driver_sql(
                "INSERT INTO copilot_own_entry VALUES "
                f"('{bench.workspace}', 'e{number}', 's', 'x: y', 'a', 'A', '2026-01-01 00:00:00')"
            )
    with pytest.raises(InvalidInput, match="at most 200"):
        bench.service.knowledge.put("flux_gate_closed", GATE)


def test_merged_knowledge_is_kept_until_it_changes(bench):
    knowledge = bench.app.copilot._parts.knowledge
    bench.service.knowledge.put("flux_gate_closed", GATE)
    first = knowledge.of(bench.workspace)
    assert knowledge.of(bench.workspace) is first
    bench.service.knowledge.put("flux_gate_closed", GATE)
    assert knowledge.of(bench.workspace) is not first


def test_what_a_workspace_knows_leaves_and_goes_with_it():
    assert "copilot_own_entry" in {table.name for table, _withheld in holdings()}
