"""Messages made up for a measurement: typical ones for speed, raised ones for accuracy."""

import random
from collections.abc import Callable

from .accuracy import Pair

#: What a library raises; its parts are filled with something of the kind they name.
RAISED = (
    "AttributeError: {quoted} object has no attribute {quoted}",
    "ConfigError: section [{word}] has no option {quoted}",
    "ConnectionError: could not connect to {host} after {number} attempts",
    "FileNotFoundError: [Errno 2] No such file or directory: {path}",
    "GraphError: node {value} is not in the graph",
    "ImportError: cannot import name {quoted} from {quoted} ({path})",
    "IndexError: index {number} is out of bounds for axis {number} with size {number}",
    "JSONDecodeError: Expecting value: line {number} column {number} (char {number})",
    "KeyError: {quoted}",
    "LookupError: unknown encoding: {word}",
    "MergeError: columns overlap but no suffix specified: {list}",
    "ModuleNotFoundError: No module named {quoted}",
    "OSError: [Errno 28] No space left on device: {path}",
    "OverflowError: value {number} is too large for a field of {number} bits",
    "ParseError: unexpected token {quoted} at line {number}",
    "PermissionError: [Errno 13] Permission denied: {path}",
    "RuntimeError: pool of {number} connections is used up, waited {number}s",
    "SchemaError: field {quoted} must be of type {type}, not {type}",
    "StopError: stage {quoted} was stopped by {value}",
    "TimeoutError: no answer from {host} within {number} ms",
    "TypeError: cannot add {type} and {type}",
    "TypeError: expected str, bytes or os.PathLike object, not {type}",
    "TypeError: {word}() got an unexpected keyword argument {quoted}",
    "TypeError: {word}() missing 1 required positional argument: {quoted}",
    "TypeError: unsupported operand type(s) for +: {quoted} and {quoted}",
    "UnicodeDecodeError: {quoted} codec can't decode byte 0x{hex} in position {number}",
    "UnitError: cannot convert from {quoted} to {quoted}",
    "ValueError: could not convert string to float: {quoted}",
    "ValueError: invalid literal for int() with base {number}: {quoted}",
    "ValueError: invalid mode: {quoted}, must be one of {list}",
    "ValueError: length of values ({number}) does not match length of index ({number})",
    "ValueError: shapes {tuple} and {tuple} not aligned",
    "ValueError: time data {quoted} does not match format {quoted}",
    "ValueError: too many values to unpack (expected {number})",
    "ValueError: {value} is not a valid {word}",
    "ZoneError: no time zone found with key {word}/{word}",
)
_WORDS = (
    "amount",
    "customer_id",
    "Lisbon",
    "score",
    "utf-9",
    "lead_email",
    "parse",
    "backup",
    "left",
    "North",
)
_TYPES = (
    "int",
    "str",
    "float",
    "dict",
    "list",
    "tuple",
    "NoneType",
    "bool",
    "bytes",
    "Frame",
    "LeadScore",
)


def raised_messages(*, seed: int = 7, each: int = 4) -> list[Pair]:
    """(template, message): *each* of every template, the same for the same *seed*."""
    rng = random.Random(seed)  # noqa: S311 - test data, no secret

    def values() -> dict[str, str]:
        word = rng.choice(_WORDS)
        number = rng.randrange(2, 90_000)
        return {
            "word": word,
            "number": str(number),
            "quoted": repr(rng.choice(_WORDS)),
            "value": rng.choice([repr(word), str(number), f"<{word} object at 0x7f{number:x}>"]),
            "type": rng.choice(_TYPES),
            "path": repr(f"/srv/{word}/{number}.csv"),
            "host": f"{word.lower().replace('_', '-')}.example.com:{rng.randrange(1024, 9999)}",
            "hex": f"{rng.randrange(16, 256):02x}",
            "list": repr(rng.sample(_WORDS, rng.randrange(1, 4))),
            "tuple": repr((number, rng.randrange(9))),
        }

    return [(shape, shape.format(**values())) for shape in RAISED for _ in range(each)]


def typical_messages(count: int, *, seed: int) -> list[str]:
    """Agent errors of about 140 characters with random values, the same for the same *seed*."""
    rng = random.Random(seed)  # noqa: S311 - test data, no secret

    def number() -> int:
        return rng.randrange(1, 10_000_000)

    def identifier() -> str:
        return f"{rng.getrandbits(64):016x}"

    shapes: list[Callable[[], str]] = [
        lambda: (
            f"Template 'Outbound {number()}' not found in workspace {identifier()}; the step "
            "send_email of workflow Follow-up could not be carried out and was stopped"
        ),
        lambda: (
            f"openai.RateLimitError: Error code: 429 - Rate limit reached for gpt-4o on tokens "
            f"per min: Limit 30000, Used {number()}, please try again in {number() / 1000}s"
        ),
        lambda: (
            f"HTTPSConnectionPool(host='api{number()}.example.com', port=443): Read timed out. "
            f"(read timeout={number()}) while the step fetch_leads waited for the first page"
        ),
        lambda: (
            f'insert or update on table "t{number()}" violates foreign key constraint while '
            f"writing row {number()} of batch {identifier()}; the whole batch was rolled back"
        ),
        lambda: (
            f"2026-01-02T03:04:05.{number()}Z ERROR Request failed with status code 503 for "
            f"https://api.example.com/v1/leads/{number()} after 3 attempts, giving up on this step"
        ),
        lambda: (
            f"FileNotFoundError: [Errno 2] No such file or directory: '/data/run-{number()}/"
            f"out-{identifier()}.json' while the report of yesterday was being put together"
        ),
        lambda: (
            f"Contact {number()} has an invalid email address: user{number()}@example.com; the "
            "mail was not sent and the contact was skipped in this run of the campaign"
        ),
        lambda: (
            "This model's maximum context length is 131072 tokens. However, you requested "
            f"{number()} tokens ({number()} in the messages, 4096 in the completion)."
        ),
    ]
    return [shapes[index % len(shapes)]() for index in range(count)]
