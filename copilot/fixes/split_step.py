"""Have an agent look at a long list part by part, and then at what came of the parts."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import PlacedStep, put, spelled
from ..snapshot import Snapshot
from ._added import MOST_ROUNDS, PART_KEYS
from ._base import Change
from ._placing import free_id, problem_with_reading, put_before
from ._reach import STEP, Reach
from ._steps import Id, step_called, title_of
from .map_input import Reference

Rounds: TypeAlias = Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
#: What a step with several rounds would spend or do more than once.
_ONCE = ("tools", "budget")


class SplitStep(Change):
    """Put a loop before an agent step that asks the same of every item of a list.

    The step itself keeps its id and its words, and reads what the loop gave in place of the list;
    so do all later steps. It may have no tools and no budget of its own: the loop would use them
    again and again.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("add", "/definition/steps/*"),
            ("add", f"/definition/{STEP}/steps/*"),
            ("add", f"/definition/{STEP}/on_reject/*"),
            ("add", f"/definition/{STEP}/branches/*/steps/*"),
            ("change", f"/definition/{STEP}/prompt"),
        ),
        splits=True,
        references_only=True,
    )
    button: ClassVar[str] = "Split Step"

    type: Literal["split_step"] = "split_step"
    step: Id
    """Id of the agent step whose prompt gets too long."""
    list: Reference
    """The list that its prompt reads, without braces, such as `read` or `fetch.body.items`."""
    most: Rounds = 100
    """The most items that the loop may go through; a longer list fails, before the first of them."""

    @property
    def question(self) -> str:
        return "Would you like me to split the step for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        definition, step = snapshot.definition, step_called(self, snapshot, self.step)
        prompt = self._prompt(snapshot, step)
        loop_id = free_id(definition, f"{self.step}_parts")
        variable = free_id(definition, "part")
        loop: JsonValue = {
            "id": loop_id,
            "name": f"{step.title[:180]}, in parts",
            "type": "loop",
            "for_each": _braced(self.list),
            "as": variable,
            "max_iterations": self.most,
            "steps": [
                {
                    "id": free_id(definition, f"{self.step}_part"),
                    "type": "agent",
                    "prompt": self._reading(prompt, f"{variable}.item"),
                    **{key: step.data[key] for key in PART_KEYS if key in step.data},
                }
            ],
        }
        own = put(definition, (*step.pointer, "prompt"), self._reading(prompt, loop_id))
        return snapshot.evolve(definition=put_before(own, step, loop))

    def summary(self, snapshot: Snapshot) -> str:
        title = title_of(snapshot, self.step)
        return (
            f"Before step {title!r} a loop asks the same of every item of {self.list}, at most"
            f" {self.most}; {title!r} then reads what came of them."
        )

    def _prompt(self, snapshot: Snapshot, step: PlacedStep) -> str:
        """The prompt, when it can be asked of every item."""
        prompt = step.data.get("prompt")
        if step.type != "agent" or not isinstance(prompt, str):
            raise self.refuse(f"step {self.step!r} is no agent.")
        if step.pointer[-2] not in ("steps", "on_reject"):
            raise self.refuse(f"step {self.step!r} does not stand in a list of steps.")
        if several := [key for key in _ONCE if step.data.get(key)]:
            raise self.refuse(f"the {several[0]} of step {self.step!r} are for one question.")
        read = [reference.strip() for reference in spelled(prompt).references]
        if read.count(self.list) == 0:
            raise self.refuse(f"the prompt of step {self.step!r} does not read {self.list!r}.")
        if problem := problem_with_reading(snapshot.definition, step, self.list):
            raise self.refuse(f"{self.list} can't be read there: {problem}.")
        return prompt

    def _reading(self, prompt: str, reference: str) -> str:
        """*prompt* with *reference* in place of the list."""
        found = spelled(prompt)
        pieces = [found.literals[0]]
        for one, literal in zip(found.references, found.literals[1:], strict=True):
            pieces += [_braced(reference if one.strip() == self.list else one), literal]
        return "".join(pieces)


def _braced(reference: str) -> str:
    return f"{{{{ {reference.strip()} }}}}"


FIX = SplitStep
