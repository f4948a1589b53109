"""Definitions and models for the optimizer's tests, and what a workspace's runs have cost."""

from decimal import Decimal

from engine.ports import Completion

DOCUMENTS = ("prices.csv", "terms.txt", "brand.txt", "questions.txt", "contract.txt", "people.csv")


def ask(step_id, prompt, **settings):
    return {
        "id": step_id,
        "type": "agent",
        "prompt": prompt,
        "retry": {"max_retries": 0},
        **settings,
    }


QUOTES = {
    "name": "Quotes",
    "documents": list(DOCUMENTS),
    "steps": [
        ask("compare", "Compare the offer with prices.csv and the contract."),
        ask("check", "Check it against terms.txt and questions."),
        ask("write", "Write to the people in the words of brand.txt and the contract."),
    ],
}
ROUNDS = {"name": "Rounds", "steps": [ask("rounds", "Go through each of the new rows.")]}


class Priced:
    """Answers each question at the next of *costs*; a prompt with FAIL in it is refused."""

    def __init__(self, *costs):
        self.costs = list(costs)

    async def complete(self, question):
        cost = self.costs.pop(0) if self.costs else "0.01"
        if "FAIL" in str(question):
            raise RuntimeError("The model has no answer to that.")
        return Completion("Done.", input_tokens=10, output_tokens=5, cost_usd=Decimal(cost))


def of_kind(found, kind):
    return [one for one in found.suggestions if one.kind == kind]


def coded(found, code):
    (one,) = [one for one in found.suggestions if one.code == code]
    return one


def apply(service, fix_id):
    """Preview, approval and change, as a person makes them."""
    shown = service.fixes.preview(fix_id)
    approval = service.fixes.approve(fix_id, digest=shown.digest, version=shown.base_version)
    return service.fixes.apply(approval.approval_id)
