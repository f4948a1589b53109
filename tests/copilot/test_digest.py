"""A digest says what is stored, in few words, and nothing in it is read as markup."""

import json
import shlex
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from copilot.digest import MOST_TOLD, as_html, as_letter, as_markdown, as_text
from copilot.types.nightly import Digest, DigestFix, DigestItem, PassState

NIGHT = datetime(2026, 1, 3, 2, 0, tzinfo=UTC)
BEFORE = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
HOSTILE = (
    "`` # <script>alert(1)</script> [click](http://evil.example) ![x](y) www.evil.example "
    "@ana **bold** |a|\n# heading\r\n- item\x1b[2J\u202e"
)


def item(**changes):
    facts = {
        "workflow_id": "outreach",
        "signature": "n1:template",
        "label": "Template not found",
        "failures": 8,
        "is_new": True,
        "first_occurred": BEFORE,
        "last_occurred": datetime(2026, 1, 3, 1, 30, tzinfo=UTC),
        "execution_id": "run-8",
    }
    return DigestItem.model_validate(facts | changes)


ANALYSED = {
    "analysis_id": "analysis-1",
    "root_cause": "missing_template",
    "verdict": "confirmed",
    "headline": "Template 'xyz' is missing",
    "fixes": ("fix_1", "fix_2"),
}


def digest(*items, **changes):
    facts = {
        "pass_id": "night_1",
        "workspace_id": "acme",
        "state": PassState.FINISHED,
        "since": BEFORE,
        "started_at": NIGHT,
        "finished_at": NIGHT,
        "failures": sum(one.failures for one in items),
        "groups": len(items),
        "analysed": sum(one.analysis_id is not None for one in items),
        "items": items,
        "credits": 1,
        "credit_cap": 1,
        "cost_usd": Decimal("0.01200"),
        "spend_cap_usd": Decimal(5),
    }
    return Digest.model_validate(facts | changes)


FIX = DigestFix(
    change_id="change_1", workflow_id="outreach", fix_type="create_template", state="verified"
)
WHOLE = digest(
    item(**ANALYSED),
    item(
        workflow_id="billing",
        label="Too many requests",
        failures=1,
        is_new=False,
        execution_id="run-9",
        not_analysed="credit_cap",
    ),
    fixes=(FIX,),
)


def test_the_whole_as_text():
    assert as_text(WHOLE) == (
        "Workspace acme, since 2026-01-02 02:00 UTC: 9 failed runs of 2 kinds, 1 new. "
        "1 kind analysed, for 1 credit and $0.012 for model calls.\n"
        "\n"
        "What broke\n"
        "\n"
        "1. outreach: Template not found (8 runs, last 2026-01-03 01:30 UTC, new)\n"
        "   Template 'xyz' is missing (missing_template, confirmed)\n"
        "   ask-copilot fix apply fix_1\n"
        "2. billing: Too many requests (1 run, last 2026-01-03 01:30 UTC)\n"
        "   Not analysed: the cap of 1 credit was reached.\n"
        "   ask-copilot analyze run-9\n"
        "\n"
        "Fixes\n"
        "\n"
        "1. create_template in outreach: verified: it holds (change_1)\n"
    )


def test_the_whole_as_markdown():
    assert as_markdown(WHOLE) == (
        "Workspace `acme`, since 2026-01-02 02:00 UTC: 9 failed runs of 2 kinds, 1 new. "
        "1 kind analysed, for 1 credit and $0.012 for model calls.\n"
        "\n"
        "## What broke\n"
        "\n"
        "1. `outreach`: `Template not found` (8 runs, last 2026-01-03 01:30 UTC, new)  \n"
        "   `Template 'xyz' is missing` (missing_template, confirmed)  \n"
        "   `ask-copilot fix apply fix_1`\n"
        "2. `billing`: `Too many requests` (1 run, last 2026-01-03 01:30 UTC)  \n"
        "   Not analysed: the cap of 1 credit was reached.  \n"
        "   `ask-copilot analyze run-9`\n"
        "\n"
        "## Fixes\n"
        "\n"
        "1. `create_template` in `outreach`: verified: it holds (`change_1`)\n"
    )


def test_an_empty_night_is_one_line():
    assert as_text(digest(credits=0)) == "Nothing failed since 2026-01-02 02:00 UTC.\n"
    assert as_markdown(digest(since=None)) == "Nothing failed until 2026-01-03 02:00 UTC.\n"
    assert "<p>Nothing failed since 2026-01-02 02:00 UTC.</p>" in as_html(digest())
    assert as_letter(digest()).subject == "Ask Copilot, acme: nothing failed"


def test_a_night_with_fixes_alone_tells_of_them():
    told = as_text(digest(fixes=(FIX,), credits=0))
    assert told.startswith("Workspace acme, since 2026-01-02 02:00 UTC: nothing failed.\n\nFixes\n")


def test_an_unknown_cost_is_called_that():
    assert "for 1 credit and an unknown amount for model calls" in as_text(
        digest(item(), cost_usd=None)
    )


def test_a_pass_under_way_says_so_far():
    told = as_text(digest(item(**ANALYSED), item(), state="running", finished_at=None))
    assert "1 kind so far analysed" in told
    assert "Not analysed yet." in told


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("spend_cap", "the cap of $5 for model calls was reached"),
        ("unknown_cost", "what a model call cost is unknown, and the pass has a cap"),
        ("insufficient_credits", "the workspace has too few credits left"),
        ("not_found", "the run or its workflow is not there any more"),
        ("server_unreachable", "server_unreachable"),
    ],
)
def test_why_something_was_not_analysed(code, words):
    assert f"Not analysed: {words}.\n" in as_text(digest(item(not_analysed=code)))


def test_a_long_list_is_cut_and_says_how_much_is_missing():
    told = as_text(digest(*(item(execution_id=f"run-{n}") for n in range(MOST_TOLD + 2))))
    assert told.count("ask-copilot analyze") == MOST_TOLD
    assert told.endswith("And 2 more kinds of failure.\n")


HOSTILE_NIGHT = digest(
    item(label=HOSTILE, workflow_id=HOSTILE, **ANALYSED | {"headline": HOSTILE, "fixes": ()}),
    fixes=(FIX.model_copy(update={"fix_type": HOSTILE}),),
)


def outside_code_spans(markdown):
    """*markdown* without its code spans, which run to the next run of as many backticks."""
    left, rest = [], markdown
    while "`" in rest:
        text, _, rest = rest.partition("`")
        left.append(text)
        fence = 1 + len(rest) - len(rest.lstrip("`"))
        rest = rest.lstrip("`")
        while True:
            inside, found, rest = rest.partition("`" * fence)
            assert found, "a code span that never ends"
            if not rest.startswith("`") and not inside.endswith("`"):
                break
            rest = rest.lstrip("`")
    return "".join([*left, rest])


def test_hostile_text_is_code_in_markdown_and_one_line():
    markdown = as_markdown(HOSTILE_NIGHT)
    left = outside_code_spans(markdown)
    assert "evil" not in left
    assert "<" not in left
    assert "bold" not in left
    assert [line for line in markdown.splitlines() if line.startswith("#")] == [
        "## What broke",
        "## Fixes",
    ]
    assert "\x1b" not in markdown
    assert "\u202e" not in markdown


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert all(name in {"lang", "charset"} for name, _ in attrs)


def test_hostile_text_is_text_in_html():
    tags = Tags()
    tags.feed(as_html(HOSTILE_NIGHT))
    assert tags.seen <= {
        "html", "head", "meta", "title", "body", "p", "h2", "ol", "li", "br", "code"
    }  # fmt: skip
    assert "&lt;script&gt;" in as_html(HOSTILE_NIGHT)


def test_hostile_text_is_one_line_of_plain_text_without_what_cannot_be_seen():
    lines = as_text(HOSTILE_NIGHT).splitlines()
    assert len(lines) == len(as_text(WHOLE).splitlines()) - 3
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("execution_id", ["x; rm -rf ~", "$(id)", "--help", "a'b", "a\nb", "ä b"])
def test_a_command_gives_an_id_of_another_system_to_the_program_and_nobody_else(execution_id):
    told = as_text(digest(item(execution_id=execution_id)))
    (line,) = [line.strip() for line in told.splitlines() if "ask-copilot" in line]
    arguments = shlex.split(line)
    assert arguments[:2] == ["ask-copilot", "analyze"]
    assert arguments[-1] == " ".join(execution_id.split())
    assert len(arguments) == (4 if execution_id.startswith("-") else 3)


def test_the_digest_as_json_is_the_model():
    assert Digest.model_validate_json(WHOLE.model_dump_json()) == WHOLE
    assert json.loads(WHOLE.model_dump_json())["cost_usd"] == "0.01200"
