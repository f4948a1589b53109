"""Regular expressions from a definition, searched in time linear in the text.

Python's own engine can be made to take hours by a pattern somebody else wrote.
"""

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

LONGEST_PATTERN = 1000


@lru_cache(maxsize=256)
def compiled(pattern: str) -> SchemaValidator:
    """Raises ValueError for a pattern that can't be read; look-around and references can't."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"a pattern has at most {LONGEST_PATTERN} characters")
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, strict=True))
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("error: ")
        raise ValueError(f"the pattern {pattern[:60]!r} can't be used: {reason}") from error


def found(pattern: str, text: str) -> bool:
    """Whether *pattern* matches anywhere in *text*. Raises ValueError."""
    try:
        compiled(pattern).validate_python(text)
    except ValidationError:
        return False
    return True
