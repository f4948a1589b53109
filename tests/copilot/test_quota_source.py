"""The knowledge base as the engine's source of quotas."""

from datetime import date

import pytest

import knowledge_base
from copilot.sources.engine import KnownQuotas
from engine.quota import split_name


@pytest.fixture
def source():
    return KnownQuotas()


@pytest.mark.parametrize(
    ("integration", "limits"),
    [
        ("LinkedIn", ["100 invitations/day"]),
        ("linkedin", ["100 invitations/day"]),
        ("Our Gmail account", ["100 sends/day"]),
        ("Slack", ["1 request/second"]),
        ("Apollo.io", ["200 calls/month"]),
        ("Google Calendar", ["100 requests/second", "10000 requests/minute"]),
        ("GitHub", ["5000 requests/hour"]),
        ("HubSpot", ["10 requests/second", "250000 calls/day"]),
        ("our own server", []),
    ],
)
def test_the_limits_of_a_service(source, integration, limits):
    found = source.limits("acme", integration)
    assert [f"{quota.limit} {quota.name}" for quota in found] == limits


def test_each_limit_says_who_says_so_and_when(source):
    (quota,) = source.limits("acme", "LinkedIn")
    assert quota.source.startswith("https://www.linkedin.com/")
    assert quota.date == date(2026, 11, 20)
    assert (quota.timezone, quota.resets, quota.measure) == ("UTC", "midnight", "invitations")


def test_every_file_of_the_knowledge_base_can_be_counted(source):
    for known in knowledge_base.load().quotas.values():
        for quota in source.limits("acme", known.service):
            assert split_name(quota.name) == (quota.unit, quota.window)


def test_what_counts_from_the_first_use_on_rolls():
    load = knowledge_base.load()
    gmail = load.quotas["gmail"]
    rolling = gmail.model_copy(update={"limits": gmail.limits[1:]})
    changed = knowledge_base.KnowledgeBase(
        **{**vars(load), "quotas": {"gmail": rolling}},
    )
    (quota,) = KnownQuotas(changed).limits("acme", "gmail")
    assert (quota.resets, quota.measure) == ("rolling", "recipients")
