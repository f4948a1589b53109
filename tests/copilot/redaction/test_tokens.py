"""Keys of providers go wherever they stand in an error text; what is only like them stays."""

import pytest

from copilot.redaction import Redactor, mask_secrets
from copilot.redaction.tokens import rules
from tests.copilot.redaction.keys import HEX, KEYS, drawn, survives

PLACES = {
    "prose": "Incorrect API key provided: {}. You can find it in the dashboard.",
    "brackets": "not accepted ({}), giving up",
    "json": '{{"detail": "bad value {}"}}',
    "escaped": 'body="{{\\"detail\\": \\"{}\\"}}\\n"',
    "address": "GET https://api.vendor.example/v1/x?who={}&limit=5",
    "line end": "could not use {}",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KEYS)
def test_a_key_goes_wherever_it_stands(kind, place):
    text = PLACES[place].format(KEYS[kind])
    assert not survives(KEYS[kind], Redactor().redact(text).text)
    assert not survives(KEYS[kind], mask_secrets(text))


@pytest.mark.parametrize("kind", KEYS)
def test_alone_in_prose_it_is_named_by_its_kind(kind):
    assert Redactor().redact(f"could not use {KEYS[kind]}, sorry").counts == {kind: 1}


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind not in ("jwt", "langfuse-key")])
def test_its_beginning_alone_is_no_key(kind):
    text = f"a key begins with {KEYS[kind][:6]}"
    assert mask_secrets(text) == text


def test_every_rule_is_compiled_and_has_a_marker():
    for rule in rules():
        assert rule.pattern.groups >= 0
        assert rule.gate
        assert rule.literals


NEGATIVES = {
    "uuid": "Request ID: 3f1c9a72-5b1e-4c8e-9d21-7a6b5c4d3e2f",
    "session uuid": "session 3f1c9a72-5b1e-4c8e-9d21-7a6b5c4d3e2f closed",
    "sha256": f"pulled image@sha256:{drawn(64, HEX)}",
    "git": f"HEAD is now at {drawn(40, HEX)}",
    "etag": f'ETag: "{drawn(32, HEX)}" changed',
    "event": f"evt_{drawn(24)} already processed",
    "docker": f"container {drawn(64, HEX)} exited with 137",
    "trace": f"traceparent: 00-{drawn(32, HEX)}-{drawn(16, HEX)}-01",
    "integrity": f"npm ERR! sha512-{drawn(86)}== integrity checksum failed",
    "picture": f"data:image/png;base64,iVBORw0KGgo{drawn(80)}",
    "package": "scikit-learn sk-learn-contrib-0-24-2 not found, pip install npm_and_yarn",
    "model": "claude-sonnet-4-5-20250929 and gpt-4o-mini-2024-07-18 are unavailable",
    "words": "task-management-service-risk-analysis hf_hub_download_with_retries failed",
    "camel": "HikariDataSourceConfigurationException in XaiClientFactoryBeanPostProcessor",
    "path": "/usr/lib/python3.11/site-packages/langchain_community/chat_models/openai.py",
    "snake": "test_a_token_that_expired_is_renewed_before_the_next_request_is_sent",
    "account": "arn:aws:iam::123456789012:role/service-role/lambda-exec",
    "host": "ip-10-0-12-7.eu-central-1.compute.internal refused",
    "memory": "<coroutine object run at 0x7fa58f657c08>",
    "stand-in": "sk-...abcd and ghp_************ and AKIAXXXXXXXXXXXXXXXX",
}


@pytest.mark.parametrize("name", NEGATIVES)
def test_what_is_only_like_a_key_stays(name):
    assert Redactor().redact(NEGATIVES[name]).text == NEGATIVES[name]
