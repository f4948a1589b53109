"""The words a model is asked with about one failure, and the same for somebody who wants to read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..redaction import Redactor
from ..runtimes import about_tokens
from ..types import Diagnosis, Failure, Report, RunRecord
from ..types.consultation import StoredPrompt
from ..types.prompt import Prompt
from .prompt import prompt_for
from .report import Surroundings


def _none(_workspace_id: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """secrets: a workspace's own, by name; they leave in no form. count: tokens of a text."""

    secrets: Callable[[str], Mapping[str, str]] = _none
    count: Callable[[str], int] = about_tokens

    def prompt(
        self,
        run: RunRecord,
        failure: Failure,
        diagnosis: Diagnosis,
        report: Report,
        around: Surroundings,
    ) -> Prompt:
        """*report* is what the rules say."""
        return prompt_for(
            run,
            failure,
            diagnosis,
            report,
            around=around,
            redactor=Redactor(self.secrets(run.workspace_id)),
            count=self.count,
        )

    def rehearsed(self, run: RunRecord, prompt: Prompt) -> StoredPrompt:
        """*prompt* as it would be sent; nobody is asked."""
        return StoredPrompt(
            execution_id=run.execution_id,
            template=prompt.template,
            system=prompt.system,
            user=prompt.user,
            tokens=prompt.tokens,
            redacted=dict(prompt.redacted),
            hidden=prompt.hidden,
        )


NO_SECRETS = Words()
