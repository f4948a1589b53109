"""Every setting in one frozen object; the only reader of the environment."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from .errors import InvalidInput

PREFIX = "ASK_COPILOT_"
#: Names with the prefix that belong to the test suite and the build, not to the product.
FOREIGN = frozenset({"REQUIRE", "TEST_POSTGRES"})
#: What others call what we need, taken where our own name is not set.
STANDARD_NAMES = MappingProxyType(
    {
        "openai_api_key": "OPENAI_API_KEY",
        "anthropic_api_key": "ANTHROPIC_API_KEY",
        "google_project": "GOOGLE_CLOUD_PROJECT",
        "google_credentials": "GOOGLE_APPLICATION_CREDENTIALS",
    }
)
#: How a text must look whose pattern people can't be expected to read.
_FORMS = MappingProxyType(
    {
        "workspace": "must be 1 to 63 letters, digits, - and _, the first a letter or a digit "
        "(--workspace or this variable)."
    }
)
_HTTP = r"^https?://[^\s/]+(/[^\s]*)?$"
_LISTS = frozenset({"allowed_hosts", "runtimes"})


class Settings(BaseModel):
    """What one process runs with. Each field is read from `ASK_COPILOT_<FIELD>`.

    Times are seconds, prices are credits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        default=Path(".ask-copilot"), description="Folder of the database and the workspace files."
    )
    database_url: str | None = Field(
        default=None, description="Another database than the SQLite file in the data folder."
    )
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")] = Field(
        default="default", description="Workspace that commands act in."
    )
    user: str = Field(
        default="owner", min_length=1, max_length=200, description="Who approves, in the audit."
    )
    url: str | None = Field(
        default=None,
        pattern=_HTTP,
        description="A server that commands ask instead of a database here.",
    )
    key: SecretStr | None = Field(
        default=None, description="API key for the server of ASK_COPILOT_URL."
    )
    requests_per_minute: int = Field(
        default=600, ge=0, le=1_000_000, description="What one API key may ask; 0 for no limit."
    )
    nightly: str | None = Field(
        default=None,
        description="When `serve` looks at the failures since the last time: a cron line in UTC.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Days after which a run that has ended is deleted; kept for ever without it.",
    )
    concurrency: int = Field(
        default=50, ge=1, le=1_000, description="Runs that one process carries out at once."
    )
    max_running: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Most runs under way at once, over all processes and workspaces.",
    )
    workspace_max_running: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Most runs of one workspace that are under way at once.",
    )
    log: Literal["json", "text"] = Field(
        default="json", description="How `serve` writes its log, on standard error."
    )
    otlp_endpoint: str | None = Field(
        default=None, description="Where traces go: the address of an OTLP receiver over HTTP."
    )

    offline_credit_cost: int = Field(
        default=1, ge=0, le=100, description="Credits for an analysis the rules answered."
    )
    model_credit_cost: int = Field(
        default=2, ge=0, le=100, description="Credits for an analysis a model answered."
    )
    pattern_window: int = Field(
        default=10, ge=2, le=100, description="Failed runs of a workflow that are looked at."
    )
    pattern_threshold: int = Field(
        default=5, ge=2, le=100, description="Failures of one kind that make a pattern."
    )
    undo_seconds: float = Field(
        default=5.0, ge=0, le=600, description="How long undo is offered after a fix."
    )
    approval_seconds: float = Field(
        default=3600.0, ge=1, le=604_800, description="How long an approval can be used."
    )
    verify_runs: int = Field(
        default=3, ge=1, le=100, description="Passing runs until a fix counts as verified."
    )
    lock_wait_seconds: float = Field(
        default=10.0, ge=0, le=600, description="Wait for another process on the same database."
    )

    runtimes: tuple[str, ...] = Field(
        default=(),
        description="Where models are asked, the first before the others: openai,anthropic. Without"
        " one, nothing is sent anywhere and the rules answer alone.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None, description="Key of the runtime openai; OPENAI_API_KEY without it."
    )
    openai_base_url: str | None = Field(
        default=None, pattern=_HTTP, description="Another address of its API."
    )
    anthropic_api_key: SecretStr | None = Field(
        default=None, description="Key of the runtime anthropic; ANTHROPIC_API_KEY without it."
    )
    anthropic_base_url: str | None = Field(
        default=None, pattern=_HTTP, description="Another address of its API."
    )
    google_project: str | None = Field(
        default=None,
        description="Project of the runtimes vertex and google; GOOGLE_CLOUD_PROJECT without it.",
    )
    google_location: str = Field(
        default="global", description="Where that project's models are asked."
    )
    google_credentials: Path | None = Field(
        default=None,
        description="Service account's JSON; GOOGLE_APPLICATION_CREDENTIALS without it, and the"
        " machine's own without either.",
    )
    google_base_url: str | None = Field(
        default=None, pattern=_HTTP, description="Another address of its API."
    )
    compatible_base_url: str | None = Field(
        default=None,
        pattern=_HTTP,
        description="OpenAI-compatible server of the runtime compatible:"
        " http://localhost:11434/v1 for Ollama.",
    )
    compatible_api_key: SecretStr | None = Field(
        default=None, description="Its key, if it wants one."
    )
    compatible_model: str | None = Field(
        default=None, description="The model to ask there: llama3.3."
    )
    scripted_answers: Path | None = Field(
        default=None,
        description="JSON file of answers for the runtime scripted, which asks nobody: for tests.",
    )
    analysis_seconds: float = Field(
        default=10.0, ge=1, le=10, description="Longest that an analysis takes, model included."
    )
    model_concurrency: int = Field(
        default=128, ge=1, le=1_000, description="Calls of one runtime that are under way at once."
    )
    tokenizer_file: Path | None = Field(
        default=None,
        description="o200k_base.tiktoken, to count tokens exactly; nothing is ever downloaded.",
    )

    smtp_host: str | None = Field(default=None, description="Mail server of send_email.")
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="Port of that mail server.")
    smtp_username: str | None = Field(default=None, description="Account on it.")
    smtp_password: SecretStr | None = Field(default=None, description="Password of the account.")
    smtp_starttls: bool = Field(default=True, description="Whether to insist on STARTTLS.")
    smtp_sender: str = Field(default="", description="From address of workflow mail.")

    knowledge: Path | None = Field(
        default=None,
        description="Folder of knowledge base entries, beside or instead of those that are shipped.",
    )
    secrets_file: Path | None = Field(
        default=None,
        description="JSON file of secrets that steps name: {'default': {'CRM_TOKEN': '…'}}.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="host:port pairs that http_request may reach although they are not public.",
    )

    @property
    def database(self) -> str:
        """Database address, as SQLAlchemy spells it."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{(self.data / 'ask-copilot.sqlite').resolve()}"

    @property
    def files(self) -> Path:
        """Root of the folders that workflows read and write, one a workspace."""
        return self.data / "files"


def load(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment; *overrides* that are not None win.

    Raises InvalidInput naming the variable and its bounds; an unknown `ASK_COPILOT_` variable is
    an error with the likely meant name, because a misspelt limit must not be silently ignored.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        field = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and field.upper() not in FOREIGN and text:
            _require_known(variable, field)
            values[field] = _listed(text) if field in _LISTS else text
    for field, standard in STANDARD_NAMES.items():
        if field not in values and environment.get(standard):
            values[field] = environment[standard]
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        described = Settings.model_fields[name].description or ""
        problem = _FORMS.get(name, f"{first['msg']}.")
        raise InvalidInput(f"{PREFIX}{name.upper()}", problem, described) from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _require_known(variable: str, field: str) -> None:
    if field in Settings.model_fields:
        return
    near = get_close_matches(field, Settings.model_fields, n=1)
    advice = f"Did you mean {PREFIX}{near[0].upper()}?" if near else "See the README's settings."
    raise InvalidInput(variable, "there is no such setting.", advice)
