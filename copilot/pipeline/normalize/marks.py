"""One private character for each kind of variable part, so that every rule works on plain strings.

While a message is worked on, a masked part is a single character of the Unicode private use area.
`copilot.pipeline.normalize.bounds.clean` removes those from what comes in, so none can be forged.
"""

import re

STR, EMAIL, URL, UUID, HASH, IP, HOST, PATH = (chr(0xE000 + n) for n in range(8))
TIME, DURATION, SIZE, NUMBER, ID, NAME, OBJECT, VALUE = (chr(0xE008 + n) for n in range(8))
SQL = chr(0xE010)
JSON_KEY = chr(0xE018)  # stands before the name of a key of a JSON object; no part itself
KEPT = chr(0xE019)  # stands for text the caller wants unmasked
PLURAL = chr(0xE01A)  # the s of a plural behind a count
ASIDE = chr(0xE01B)  # in a shape, before the mark of a value that was set aside
PAIR_ASIDE = chr(0xE01C)  # the same for the value of 'name=value'

# What stands for a value until it is put back: the n-th of its list is this character plus n.
WORD_VALUE, SPAN_VALUE, LAYOUT_VALUE = chr(0xF0000), chr(0xF4000), chr(0xF8000)

KINDS = {
    STR: "str",
    EMAIL: "email",
    URL: "url",
    UUID: "uuid",
    HASH: "hash",
    IP: "ip",
    HOST: "host",
    PATH: "path",
    TIME: "time",
    DURATION: "duration",
    SIZE: "size",
    NUMBER: "number",
    ID: "id",
    NAME: "name",
    OBJECT: "object",
    VALUE: "value",
    SQL: "sql",
}
ANY = "[\ue000-\ue010]"
PART = re.compile(ANY)
EVERY_PART = frozenset(KINDS)

TO_EXEMPLAR = str.maketrans(
    {mark: f"<{kind}>" for mark, kind in KINDS.items()} | {JSON_KEY: None, PLURAL: "s"}
)
TO_KEY = str.maketrans(dict.fromkeys(KINDS, "<*>") | {JSON_KEY: None, PLURAL: None})
