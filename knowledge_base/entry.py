"""What the files of the knowledge base say: entries, tables of codes, quotas."""

import datetime
import re
from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from knowledge_base import notation
from knowledge_base.vocabulary import FACT_KINDS, FIX_TYPES, ROOT_CAUSES


def _known(names: tuple[str, ...], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is no {what}; known: {', '.join(names)}")
        return value

    return AfterValidator(check)


def _check_phrases(source: str) -> str:
    notation.alternatives(source)
    return source


def _check_expression(source: str) -> str:
    notation.expression(source)
    return source


def _check_fact(source: str) -> str:
    kind, _, value = source.partition(":")
    if kind not in FACT_KINDS or not value:
        raise ValueError(f"{source!r} is no fact; write one of {', '.join(FACT_KINDS)}, ':', value")
    return source.lower()


RootCause: TypeAlias = Annotated[str, _known(ROOT_CAUSES, "root cause")]
FixType: TypeAlias = Annotated[str, _known(FIX_TYPES, "fix type")]
Phrases: TypeAlias = Annotated[str, AfterValidator(_check_phrases)]
Expression: TypeAlias = Annotated[str, AfterValidator(_check_expression)]
Fact: TypeAlias = Annotated[str, AfterValidator(_check_fact)]
SlottedText: TypeAlias = Annotated[str, AfterValidator(notation.check_text), Field(min_length=10)]
Url: TypeAlias = Annotated[str, Field(pattern=r"^https://[^\s]+$")]
Weight: TypeAlias = Annotated[int, Field(ge=1, le=100)]
Tier: TypeAlias = Literal["quick", "better", "best"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pattern(_Data):
    """Conditions that must all hold. The README says how weights are chosen."""

    weight: Weight
    has: tuple[Phrases, ...] = Field(default=(), description="Every one must stand in the text.")
    facts: tuple[Fact, ...] = Field(default=(), description="One of them must be known.")
    action: Phrases | None = Field(default=None, description="Must stand in the step's action.")
    trace: Phrases | None = Field(default=None, description="Must stand in the whole traceback.")
    frames: Phrases | None = Field(
        default=None, description="Must stand in the traceback where there is one with frames."
    )
    find: Expression | None = Field(default=None, description="Must match near the first phrase.")
    unless: tuple[Phrases, ...] = Field(default=(), description="None may stand in the text.")

    @model_validator(mode="after")
    def _can_be_found(self) -> "Pattern":
        if not (self.has or self.facts):
            raise ValueError("a pattern needs `has` or `facts`")
        if self.find and not self.has:
            raise ValueError("`find` looks near the first phrase of `has`, and there is none")
        return self


class Fix(_Data):
    """A remedy. A parameter whose slot was not found is left out."""

    type: FixType
    tier: Tier = "better"
    description: SlottedText
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Option(_Data):
    """One numbered line; with `fixes`, only where one of these types is suggested."""

    says: SlottedText
    fixes: tuple[FixType, ...] = ()


def _as_option(value: object) -> object:
    return {"says": value} if isinstance(value, str) else value


class Wording(_Data):
    """How the answer as one message differs from the usual, for the kinds people meet most.

    Beside the names found in the error its texts may show `doing` (what the step was about to do:
    'send an email'), `existing` (the name that comes closest to the missing one) and `counted`
    (what a quota makes a person use less of: 'contacts').
    """

    begins: Literal["error", "explanation"] = Field(
        default="error", description="error: 'Your agent failed at Step 3 because:' and the error."
    )
    opening: SlottedText | None = Field(
        default=None, description="Instead of the explanation, where that can be put better here."
    )
    lead: str = Field(default="How to fix:", description="The line above the numbered ones.")
    options: tuple[Annotated[Option, BeforeValidator(_as_option)], ...] = Field(
        default=(), description="The numbered lines; without any, the fixes in their own words."
    )
    asks: FixType | None = Field(
        default=None, description="The fix the closing question is about, where it can be applied."
    )


#: What the texts of a `Wording` can show that no error has to name.
MESSAGE_NAMES = frozenset({"doing", "existing", "counted"})


class Example(_Data):
    message: str
    error_type: str | None = None
    traceback: str | None = None
    step_action: str | None = None
    code: str | None = None


def _as_example(value: object) -> object:
    return {"message": value} if isinstance(value, str) else value


AnyExample: TypeAlias = Annotated[Example, BeforeValidator(_as_example)]


class Examples(_Data):
    match: tuple[AnyExample, ...] = Field(min_length=1)
    no_match: tuple[AnyExample, ...] = Field(min_length=1)


class Entry(_Data):
    """One kind of failure: how it is recognised, what it means, what helps. `id` is the file name."""

    id: str
    root_cause: RootCause
    status: Literal["test", "stable", "deprecated"] = "stable"
    retry_helps: bool | None = Field(
        description="Whether the same call may pass soon; null: unsure."
    )
    decides: bool = Field(
        default=True,
        description="false: the same is seen with other root causes too; the verdict is never more "
        "than likely.",
    )
    patterns: tuple[Pattern, ...] = ()
    captures: tuple[Expression, ...] = Field(
        default=(), description="Where names for the slots stand; tried when the entry is chosen."
    )
    explanation: SlottedText
    cause: SlottedText | None = Field(
        default=None,
        description="'Template 'xyz' is missing', for repeated failures; general entries have one.",
    )
    message: Wording = Wording()
    check: str | None = Field(default=None, description="What a person looks at to be sure.")
    fixes: tuple[Fix, ...] = ()
    references: tuple[Url, ...] = ()
    examples: Examples

    @model_validator(mode="after")
    def _has_fixes(self) -> "Entry":
        if not self.fixes and self.root_cause != "unknown":
            raise ValueError("an entry with a known root cause needs at least one fix")
        return self

    @cached_property
    def compiled_captures(self) -> tuple[re.Pattern[str], ...]:
        return tuple(notation.expression(capture) for capture in self.captures)

    @cached_property
    def slots(self) -> frozenset[str]:
        """Every name its texts can show and an error can give."""
        texts = [
            self.explanation,
            self.cause or "",
            self.message.opening or "",
            *(option.says for option in self.message.options),
            *(fix.description for fix in self.fixes),
        ]
        parameters = [
            value
            for fix in self.fixes
            for value in fix.parameters.values()
            if isinstance(value, str)
        ]
        return frozenset[str]().union(*map(notation.slots, [*texts, *parameters])) - MESSAGE_NAMES


class CodeTable(_Data):
    """Documented codes of one kind, sorted under the entry each means."""

    kind: Literal["name", "value", "code", "status", "sqlstate", "errno", "os", "smtp"]
    weight: Weight
    near: tuple[Phrases, ...] = Field(
        default=(), description="One must stand in the text: numbers alone tell nothing."
    )
    entries: dict[str, tuple[str, ...]] = Field(min_length=1)


class _Spoken(_Data):
    """Something an error may speak of, by words that tell so."""

    mentions: tuple[Phrases, ...] = ()

    @cached_property
    def _phrases(self) -> tuple[notation.Phrase, ...]:
        return tuple(phrase for item in self.mentions for phrase in notation.alternatives(item))

    def first_mention(self, text: str) -> int:
        """Where lower-case *text* first speaks of it, or -1."""
        found = [phrase.find(text) for phrase in self._phrases if phrase.words in text]
        return min((position for position in found if position >= 0), default=-1)


class Provider(_Spoken):
    """The codes one system documents."""

    id: str
    name: str
    tables: tuple[CodeTable, ...] = ()
    own_codes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict[str, tuple[str, ...]],
        description="Codes our own engine gives, under the entry each means; 'code/kind' where "
        "the kind of thing it is about, or the step's action, tells more.",
    )
    own_names: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="For codes that name a thing: the slot its name goes into. These are exact.",
    )
    references: tuple[Url, ...] = ()


class Limit(_Data):
    """One limit of a service, to be overridden by what a workspace knows better."""

    basis: Literal["published", "default"] = Field(
        default="published",
        description="default: the careful value this product starts with; see the note.",
    )
    amount: int = Field(gt=0)
    what: str = Field(description="What is counted, as a plural: 'invitations'.")
    of: str | None = Field(
        default=None, description="What a run has to handle less of: 'contacts'; None: items."
    )
    per: Literal["second", "minute", "hour", "day", "week", "month"]
    plan: str | None = None
    resets: str | None = Field(default=None, description="When it is full again, in plain words.")
    source: Url
    seen: datetime.date = Field(description="Day on which the source said so.")
    note: str | None = None

    @property
    def text(self) -> str:
        """'100 invitations/day'."""
        return f"{self.amount:,} {self.what}/{self.per}"

    @property
    def period(self) -> str:
        """'daily', as in "LinkedIn's daily limit"."""
        return (
            "daily"
            if self.per == "day"
            else "per-second"
            if self.per == "second"
            else f"{self.per}ly"
        )

    @property
    def when_full(self) -> str:
        """'tomorrow (quota resets at midnight)', for "Wait until …"."""
        if self.per == "day" and self.resets == "midnight":
            return "tomorrow (quota resets at midnight)"
        return f"the quota resets ({self.resets})"


class Quota(_Spoken):
    """The limits of one service, the one a workflow meets first at the top."""

    id: str
    service: str
    limits: tuple[Limit, ...] = Field(min_length=1)

    def met(self, *, daily: bool) -> Limit:
        """The limit a failure speaks of: with *daily* one over a day or more, if there is one."""
        long = [limit for limit in self.limits if limit.per in {"day", "week", "month"}]
        return long[0] if daily and long else self.limits[0]
