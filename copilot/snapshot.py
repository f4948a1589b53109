"""What a fix may look at and change: one workflow version and the resources it names, as plain data."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

ResourceKind: TypeAlias = Literal["template", "custom_field", "integration", "document"]

WORKFLOW_PART = "workflow.yaml"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Paused(_Fact):
    """A workflow starts no new runs, since when and on whose word."""

    by: str | None
    reason: str
    at: AwareDatetime


class Account(_Fact):
    """An integration of the workspace, by its kind, such as 'gmail'."""

    kind: str
    connected: bool


class StoppedRun(_Fact):
    """The run that an analysis is about, as it stands now."""

    execution_id: str
    status: str
    round: int = Field(ge=1)
    step: str | None = Field(description="Where it stopped; None outside every step.")
    version: int = Field(ge=1, description="Of the workflow, that it ran and goes on with.")
    test_mode: bool
    resets_at: AwareDatetime | None = Field(description="When the limit that stopped it resets.")
    is_over: bool = Field(description="Whether that moment has passed.")
    timer: AwareDatetime | None = Field(description="When it goes on by itself already.")
    unsure: bool = Field(description="Whether a step may have done what must not be done twice.")


#: Scheduled runs are counted this far.
MOST_COUNTED = 200


class Standing(_Fact):
    """How things stand beside a definition: what an action goes by. None is not looked at."""

    paused: Paused | None = None
    scheduled_runs: int | None = Field(
        default=None,
        le=MOST_COUNTED,
        description="Runs that its schedule starts in 7 days, at most 200; None without one.",
    )
    accounts: dict[str, Account] = Field(default_factory=dict[str, Account])
    run: StoppedRun | None = None


class PauseRuns(_Fact):
    """Start no new run of the workflow."""

    do: Literal["pause_runs"] = "pause_runs"
    reason: str


class ResumeLater(_Fact):
    """Have a failed run go on by itself at a moment to come."""

    do: Literal["resume_later"] = "resume_later"
    execution_id: str
    round: int
    at: AwareDatetime


#: What is done instead of a change, as data that is stored before it is done.
Deed: TypeAlias = PauseRuns | ResumeLater


class Snapshot(BaseModel):
    """A workflow definition with the workspace resources around it, versioned.

    Plain JSON values only, so that fixes need no engine. A snapshot is a value: `evolve` gives a
    changed copy, nothing edits one in place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: str
    workflow_id: str
    version: int = Field(ge=1, description="Version of the workflow definition.")
    definition: dict[str, JsonValue]
    resources: dict[ResourceKind, dict[str, dict[str, JsonValue]]] = Field(
        default_factory=dict[ResourceKind, dict[str, dict[str, JsonValue]]],
        description="Kind, then name, then content: resources['template']['Outbound v3'].",
    )
    resource_versions: dict[str, int] = Field(
        default_factory=dict[str, int], description="'template/Outbound v3' to its version."
    )
    standing: Standing | None = Field(default=None, description="What an action goes by.")
    deed: Deed | None = Field(
        default=None, discriminator="do", description="What is done instead of a change."
    )

    def evolve(
        self,
        *,
        definition: Mapping[str, JsonValue] | None = None,
        resource: tuple[ResourceKind, str, Mapping[str, JsonValue]] | None = None,
    ) -> "Snapshot":
        """A copy with another definition, or with one resource added or replaced."""
        resources = _copied(self.resources)
        if resource is not None:
            kind, name, content = resource
            resources.setdefault(kind, {})[name] = dict(content)
        return self.model_copy(
            update={
                "definition": _copied(dict(self.definition if definition is None else definition)),
                "resources": resources,
            }
        )

    def parts(self) -> dict[str, dict[str, JsonValue]]:
        """Every part a fix can touch, keyed by a file-like name; see `canonical_yaml`."""
        found = {WORKFLOW_PART: self.definition}
        for kind, named in sorted(self.resources.items()):
            for name, content in sorted(named.items()):
                found[f"{kind}s/{name}.yaml"] = content
        return found

    @property
    def content_digest(self) -> str:
        """Hash of what it says, whatever the versions: equal again after a revert."""
        said = self._as_data(exclude={"version", "resource_versions"})
        text = json.dumps(said, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Hash of everything in it: equal digests mean equal content and equal versions."""
        text = json.dumps(self._as_data(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _as_data(self, exclude: frozenset[str] | set[str] = frozenset()) -> dict[str, JsonValue]:
        """Without what an action alone has: digests are as old as the approvals that name them."""
        absent = {name for name in ("standing", "deed") if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude={*exclude, *absent})


def _copied(value: Any) -> Any:
    """Plain data of its own; `copy.deepcopy` takes five times as long."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_copied(item) for item in cast("list[Any]", value)]
    return value


#: The C emitter where libyaml is there; both write the same text.
_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _BlockDumper(_Dumper):
    """Text with line breaks as a block, so that a diff of instructions reads line by line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_BlockDumper.add_representer(str, _represent_text)


def canonical_yaml(value: Any) -> str:
    """The one spelling of *value* that diffs are made from: key order kept, block text, width 88."""
    return yaml.dump(
        value, Dumper=_BlockDumper, sort_keys=False, allow_unicode=True, width=88, indent=2
    )
