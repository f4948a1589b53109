"""The nightly merge: which keys become one group, which never, and that more keys undo nothing."""

import random
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.grouping.accuracy import by_root, read_groups
from copilot.pipeline.merge import Alias, Known, merge
from copilot.pipeline.normalize import normalize

GROUPS = Path(__file__).parents[2] / "fixtures" / "groups.jsonl"
USERS = ("backup", "carol", "dave", "erin", "frank", "grace", "heidi")


def known(keys: Iterable[str], *, exception: str = "") -> tuple[Known, ...]:
    """One signature for each key, in order: s0, s1, …"""
    return tuple(Known(f"s{n}", key, key, exception) for n, key in enumerate(keys))


def joined(aliases: Sequence[Alias]) -> dict[str, str]:
    return {alias.signature: alias.root for alias in aliases}


def test_the_names_of_a_place_are_one_group_with_the_first_as_root() -> None:
    keys = known(f"login for {user} was refused by the server" for user in USERS)
    found = merge(keys)
    assert joined(found) == {f"s{n}": "s0" for n in range(1, len(USERS))}
    assert found[0].reason == (
        "the same words but for one name: login for … was refused by the server"
    )


def test_five_names_are_too_few_without_a_noun_before_them() -> None:
    texts = [f"login for {user} was refused by the server" for user in USERS]
    assert merge(known(texts[:5])) == ()
    assert len(merge(known(texts[:6]))) == 5


def test_two_names_are_enough_behind_a_noun() -> None:
    texts = ["login of user carol was refused", "login of user dave was refused"]
    assert joined(merge(known(texts))) == {"s1": "s0"}


def test_a_masked_part_in_the_same_place_makes_three_enough() -> None:
    texts = [f"login for {user} was refused by us" for user in ("<*>", "carol", "dave")]
    assert joined(merge(known(texts))) == {"s1": "s0", "s2": "s0"}
    assert merge(known(texts[:2])) == ()


def test_punctuation_belongs_to_the_place() -> None:
    texts = ["the table (orders) could not be read", "the table (leads) could not be read"]
    other = ["the table (orders) could not be read", "the table [leads] could not be read"]
    assert len(merge(known(texts))) == 1
    assert merge(known(other)) == ()


APART = {
    "status": [f"the server answered status {word} to this request" for word in USERS],
    "errno": [f"could not reach it, errno {word} from the kernel" for word in USERS],
    "code": [f"call was refused with code {word} by the server" for word in USERS],
    "verbs": [
        f"the server failed to {verb} the answer of a peer"
        for verb in ("parse", "send", "store", "encode", "verify", "sign", "split")
    ],
    "states": [f"the login of this person is {word} for now" for word in USERS],
    "nouns": [
        f"this workspace has lost {noun} in the last hour"
        for noun in ("template", "user", "table", "column", "model", "tool", "file")
    ],
    "subjects": [f"{word} was not found in this workspace" for word in USERS],
    "kinds": [f"this is not a {word} we are able to read" for word in USERS],
    "digits": [f"could not decode it as utf{n} in this mode" for n in range(8)],
    "short": [f"unknown {word}" for word in USERS],
    "two differences": [f"from {a} to {b} it went" for a, b in pairwise(USERS)],
    "adverbs": [
        f"the connection closed {word} while it was read"
        for word in ("early", "abruptly", "suddenly", "silently", "oddly", "badly", "rarely")
    ],
    "errno names": [
        f"no answer but {word} while it was read"
        for word in ("econnrefused", "econnreset", "etimedout", "enotfound", "epipe", "eacces")
    ],
}


@pytest.mark.parametrize("texts", APART.values(), ids=APART)
def test_what_tells_failures_apart_is_no_name(texts: list[str]) -> None:
    assert merge(known(texts)) == ()


def test_classes_are_never_mixed() -> None:
    texts = [f"login for {user} was refused by us" for user in USERS[:6]]
    one, other = known(texts[:3], exception="AuthError"), known(texts[3:], exception="DiskError")
    renamed = tuple(
        Known(f"t{n}", one.key, one.label, one.exception) for n, one in enumerate(other)
    )
    assert merge((*one, *renamed)) == ()
    assert len(merge(known(texts, exception="AuthError"))) == 5


def test_of_one_key_with_two_signatures_the_first_counts() -> None:
    keys = list(known(f"login for {user} was refused by us" for user in USERS))
    twin = Known("twin", keys[0].key, keys[0].label)
    assert "twin" not in joined(merge((*keys, twin)))


def test_what_a_person_has_split_stays_apart_whatever_joins_them() -> None:
    keys = known(f"login for {user} was refused by the server" for user in USERS)
    found = joined(merge(keys, apart=[frozenset({"s0", "s3"})]))
    assert "s3" not in found
    assert found == {f"s{n}": "s0" for n in (1, 2, 4, 5, 6)}
    found = joined(merge(keys, apart=[frozenset({"s2", "s3"})]))
    assert found.get("s2", "s2") != found.get("s3", "s3")


def test_aliases_point_at_roots_and_no_root_is_an_alias() -> None:
    first = [f"login for {user} was refused by the server" for user in USERS]
    second = [f"login for carol was refused by the {box}" for box in ("proxy", "bouncer", "gate")]
    second += [f"login for carol was refused by the {box}" for box in ("door", "host2", "wall")]
    found = joined(merge(known([*first, *second])))
    assert set(found.values()).isdisjoint(found)


def test_ten_nights_give_the_groups_of_one() -> None:
    rng = random.Random(11)
    places = ("login for {} was refused by us", "no answer came from {} in time for this")
    texts = [place.format(name * n) for place in places for name in USERS for n in (1, 2)]
    texts += [f"table {name} is not readable by anybody" for name in USERS]
    rng.shuffle(texts)
    whole = known(texts)
    roots: dict[str, str] = {}
    size = len(whole) // 10 + 1
    for night in range(1, 11):
        for alias in merge(whole[: night * size]):
            assert roots.get(alias.signature, alias.root) == alias.root
            roots[alias.signature] = alias.root
    assert roots == joined(merge(whole))
    assert roots


def test_the_same_input_gives_the_same_answer() -> None:
    keys = known(f"login for {user} was refused by the server" for user in USERS)
    assert merge(keys) == merge(keys)
    assert merge(()) == ()


def test_own_groups_are_not_joined() -> None:
    rows = read_groups(GROUPS)
    found = by_root([message for _, message in rows])
    owners: dict[str, set[str]] = {}
    for (group, _), root in zip(rows, found, strict=True):
        owners.setdefault(root, set()).add(group)
    assert [groups for groups in owners.values() if len(groups) > 1] == []


def test_keys_of_real_messages_are_joined() -> None:
    found = [normalize(f"Failed password for {user} via ssh from 10.0.0.7") for user in USERS]
    keys = [Known(one.signature, one.key, one.label) for one in found]
    assert len({one.signature for one in keys}) == len(USERS)
    assert len(merge(keys)) == len(USERS) - 1


def test_the_cost_grows_with_the_number_of_keys_and_no_faster() -> None:
    rng = random.Random(5)
    letters = "abcdefghijklmnop"

    def text() -> str:
        return " ".join("".join(rng.choices(letters, k=6)) for _ in range(14))

    def seconds(keys: Sequence[Known]) -> float:
        start = time.process_time()
        merge(keys)
        return time.process_time() - start

    keys = known(text() for _ in range(3_000))
    half = min(seconds(keys[:1_500]) for _ in range(3))
    assert min(seconds(keys) for _ in range(3)) < 3 * half + 0.1


@pytest.mark.parametrize(
    "key", ["", " ", "<*>", "a " * 5_000, "\ud800 x y z", "( ( ( (", "…" * 100, "\n\n\n\n"]
)
def test_any_key_is_taken(key: str) -> None:
    assert merge(known([key, "login for carol was refused", key + " x"])) == ()
