"""Names that no fix may write to: secrets and what signs a request, and not what a text says."""

from typing import Any

import pytest

from benchmarks.safety import scene
from benchmarks.safety.oracle import violations
from copilot.bootstrap import open_app
from copilot.definitions import put
from copilot.errors import InvalidFix
from copilot.fixes import parse
from copilot.fixes._reach import is_destination, is_protected
from copilot.settings import load
from tests.copilot.workflow_bench import Bench, render

VALUES = ("steps", "3", "with", "values")

SECRETS = (
    "password",
    "smtpPassword",
    "token",
    "access_token",
    "secret",
    "client-secret",
    "api_key",
    "apiKey",
    "private_key",
    "privatekey",
    "signing_key",
    "signingKey",
    "signature_key",
    "encryption_key",
    "webhook_signature",
    "request_signature",
    "x-signature",
    "hmacSignature",
    "stripe_signature",
    "signature_token",
    "price_url",
    "cost_secret",
    "credentials",
)
SAID = (
    "signature",
    "Signature",
    "email_signature",
    "signature_text",
    "company signature",
    "price",
    "unit_price",
    "totalCost",
)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_protected_wherever_it_stands(name: str) -> None:
    for way in ((name,), ("with", name), (*VALUES, name), (*VALUES, "deep", name)):
        assert is_protected(way)


@pytest.mark.parametrize("name", SAID)
def test_what_a_text_says_is_data_where_a_template_is_filled(name: str) -> None:
    assert not is_protected((*VALUES, name))
    assert not is_destination((*VALUES, name))


@pytest.mark.parametrize(
    "way",
    [
        ("with", "signature"),
        ("with", "query", "signature"),
        ("with", "body", "values", "signature"),
        ("with", "headers", "values", "signature"),
        ("values", "signature"),
        ("budget", "values", "cost"),
        ("with", "price"),
        (*VALUES, "url", "signature"),
    ],
    ids="/".join,
)
def test_elsewhere_the_same_names_are_of_a_request_or_of_spending(way: tuple[str, ...]) -> None:
    assert is_protected(way)


@pytest.mark.parametrize("name", [*SAID, *SECRETS])
def test_a_value_that_is_missing_is_mapped_just_where_the_oracle_agrees(name: str) -> None:
    base = scene.snapshot()
    (at,) = [
        number
        for number, one in enumerate(_steps(base.definition))
        if "values" in one.get("with", {})
    ]
    way = ("steps", str(at), "with", "values")
    fix = parse({"type": "map_input", "path": "/".join(("", *way, name)), "reads": "read.rows"})
    values = {**_steps(base.definition)[at]["with"]["values"], name: "{{ read.rows }}"}
    written = base.evolve(definition=put(base.definition, way, values))
    found = violations(base, written.model_copy(update={"version": base.version + 1}))
    if name in SAID:
        fix.apply(base)
        assert found == []
    else:
        with pytest.raises(InvalidFix, match="not for a fix to change"):
            fix.apply(base)
        assert found


def test_a_letter_without_its_signature_is_offered_a_fix(tmp_path) -> None:
    with open_app(load({}, data=tmp_path)) as app:
        bench = Bench(app)
        fill = render("fill", "Bye {signature}", signature="{{ sign.bdy }}")
        bench.put(render("sign", "Best, Ada"), fill)
        failed = bench.run()
        report = bench.report(failed)
        (fix,) = [one for one in report.suggested_fixes if one.auto_fix_available]
        assert fix.description == "Read 'sign.body' instead of 'sign.bdy' in step 'fill'"
        bench.apply(report, fix.type)
        assert bench.resume(failed).status == "succeeded"


def _steps(definition: Any) -> list[Any]:
    return definition["steps"]
