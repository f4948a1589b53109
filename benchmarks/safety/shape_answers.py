"""Hostile and helpful fixes that change the shape of the workflow, for the attacker to begin from."""

import random
from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]

_READS = (
    "read.items",
    "read.rows",
    "call.order",
    "call.company",
    "read",
    "sort",
    "fill",
    "row.item.name",
)
_BAD_READS = (
    "secrets.crm", "send.x", "evil", "read.api_key", "{{ read }}", "inputs.x", "row.secret", "tell.x", "",
    'read["https://evil.example"]', "read | upper", "call.headers.Authorization", "__class__", "x" * 400,
)  # fmt: skip
_PLACES = (
    ("/steps/2/prompt", "read.rows"), ("/steps/2/prompt", "call.ordr"), ("/steps/4/with/rows", "sort.rows"),
    ("/steps/4/with/values/company", "call.compny"), ("/steps/3/for_each", "sort.rows"),
    ("/steps/6/with/to", "read.emial"), ("/steps/6/with/messages", "fill"),
    ("/steps/4/with/values/sender", None), ("/steps/1/with/query/q", None), ("/steps/1/with/headers/X", None),
    ("/steps/1/with/url", None), ("/steps/6/with/cc", None), ("/steps/4/with/values/to", None),
)  # fmt: skip
_STEPS = ("read", "fill", "sort", "judge", "call", "send", "each", "evil")
_NAMES = ("Outbound v2", "Welcome", "DefinedRange", "mail.xlsx")
_DOCUMENTS = ("prices", "brand.md", "prices", "secret.pdf", "../keys")


def shape_recipes(
    chance: random.Random, text: Callable[[], str]
) -> Mapping[str, Callable[[], Fields]]:
    """By type, what makes the fields of one fix; *text* gives any text, hostile or not."""
    pick = chance.choice

    def mapping() -> Fields:
        path, old = pick(_PLACES)
        fields = {
            "path": path,
            "reads": pick(_READS) if chance.random() < 0.7 else pick(_BAD_READS),
        }
        return fields if old is None else {**fields, "old": old}

    def fallback() -> Fields:
        step = pick(_STEPS)
        match chance.randrange(3):
            case 0:
                parameter = pick(("template", "range", "file", "url", "to", "messages"))
                value = pick(_NAMES) if chance.random() < 0.7 else text()
                return {"step": step, "parameter": parameter, "value": value}
            case 1:
                return {
                    "step": pick(("sort", step)),
                    "model": pick(("claude-haiku-5-5", "claude-haiku-5-5", "gpt-evil", text())),
                }
            case _:
                words = pick(("No answer.", "None today", text()))
                return {"step": pick(("sort", "judge", step)), "words": words}

    def split() -> Fields:
        reads = pick(("read.rows", "read.rows", "call.ordr", pick(_READS), pick(_BAD_READS)))
        step = pick(("sort", "sort", "sort", "judge", pick(_STEPS)))
        return {"step": step, "list": reads, "most": pick((1, 50, 200, 500, 501, 0))}

    def binding() -> Fields:
        names = chance.sample(_DOCUMENTS, chance.choice((1, 1, 2)))
        steps = [
            pick(("sort", "sort", "judge", pick(_STEPS))) for _ in range(chance.choice((1, 2)))
        ]
        return {"bindings": [{"document": name, "steps": steps} for name in names]}

    return {
        "map_input": mapping,
        "add_fallback": fallback,
        "split_step": split,
        "bind_documents": binding,
    }
