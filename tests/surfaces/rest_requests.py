"""One request that works for every route, and a workspace in which there is something for each."""

from datetime import UTC, datetime, timedelta
from itertools import count, cycle, product

import yaml
from fastapi.routing import iter_route_contexts

from copilot.demo import URGENT_MAIL, workflow_text
from copilot.surfaces.rest.app import WORKSPACE
from copilot.surfaces.rest.gate import PUBLIC

#: Values of settings that they have not had yet, above their defaults.
_numbers = count(101)
_few = count(11)
#: Types that no test has a fix of, each a level lower than before; and others, to be raised.
_lower = cycle(
    product(
        ("set_loop_bound", "split_step", "switch_runtime", "raise_budget", "bind_documents"),
        ("suggest", "explain", "observe"),
    )
)
_standing = cycle(("skip_invalid", "add_fallback", "timeout", "retry_policy", "map_input"))
#: Greets in leap years only, so that no test is disturbed by it.
DEFINITION = {
    "name": "Greeting",
    "trigger": {"type": "schedule", "schedule": "0 0 29 2 *"},
    "steps": [
        {
            "id": "greeting",
            "action": "render_template",
            "with": {"body": "Hello {name}", "values": {"name": "Ada"}},
        }
    ],
}
FOREIGN_RUN = {
    "source": "airflow",
    "execution_id": "load-1",
    "workflow_id": "load",
    "workflow_name": "Load",
    "status": "failed",
    "error": {"message": "401 Unauthorized: token expired"},
}
ENTRY = """root_cause: upstream_error
retry_helps: true
patterns: [{weight: 90, has: [flux gate is closed]}]
explanation: The flux gate was closed for maintenance.
fixes: [{type: manual, description: Wait until it opens again}]
examples: {match: [the flux gate is closed], no_match: [the gate answered late]}
"""
ROUNDS = {
    "name": "Rounds",
    "steps": [{"id": "ask", "type": "agent", "prompt": "Look at each of the rows."}],
}
TEMPLATE = {"content": {"subject": "Hi", "body": "Hello {name}"}}
DECIDE = "POST /executions/{execution_id}/approvals/{path}"


BROKEN = {
    "name": "Broken",
    "steps": [{"id": "broken", "action": "read_sheet", "with": {"file": "missing.xlsx"}}],
}


def asking(step_id="ok", **settings):
    """The definition of a workflow that waits for a person."""
    step = {"id": step_id, "type": "approval", "message": "Send it?", **settings}
    return {"name": "Asking", "steps": [step]}


def standing_terms(**given):
    """What an owner may sign today."""
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    return {"fix_type": "replace_value", "max_uses": 5, "expires_at": until} | given


def routes(rest):
    """(method, path behind the workspace) of every route in a workspace, and the paths outside."""
    found = {
        (method, route.path.replace(":path}", "}"))
        for route in iter_route_contexts(rest.routes)
        for method in route.methods or ()
        if method != "HEAD"
    }
    inside = {
        f"{method} {path.removeprefix(WORKSPACE)}"
        for method, path in found
        if path.startswith(f"{WORKSPACE}/")
    }
    outside = {path for _, path in found if not path.startswith(f"{WORKSPACE}/")}
    return inside, outside - PUBLIC


class World:
    """A workspace with one of everything, by the name that paths give it.

    The run that paths name has ended: a stream of one that waits would have no end.
    """

    def __init__(self, client, *, own="ok"):
        """own: what its question and its account are called."""
        self.client = client
        client.post("/workflows", {"workflow_id": "greeting", "definition": DEFINITION})
        client.ended(client.run("greeting"))
        client("PUT", "/resources/template/hello", json=TEMPLATE)
        client("PUT", f"/quotas/{own}/sends/day", json={"limit": 9})
        client("PUT", f"/knowledge/gate_{own}", json={"content": ENTRY})
        client.post("/workflows", {"workflow_id": "asking", "definition": asking(own)})
        failed = client.failed()
        report = client.post(f"/executions/{failed}/analyze")
        fix_id = next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])
        approval_id = client.approved(fix_id)
        change_id = client.post(f"/approvals/{approval_id}/apply")["change_id"]
        client.post(f"/changes/{change_id}/revert")
        client.post("/nights")
        client("PATCH", "/settings", json={"notify_email_to": "ada@example.com"})
        self.verified = self.new_verified()
        self.handed_over = self.new_handed_over()
        self.pattern = self.new_pattern()
        client.post("/workflows", {"workflow_id": "rounds", "definition": ROUNDS})
        told = client.get("/workflows/rounds/optimize")["suggestions"]
        self.ids = {
            "workflow_id": "greeting",
            "version": "1",
            "execution_id": failed,
            "path": own,
            "integration": own,
            "unit": "sends",
            "window": "day",
            "kind": "template",
            "name": "hello",
            "analysis_id": report["analysis_id"],
            "fix_id": fix_id,
            "approval_id": approval_id,
            "change_id": change_id,
            "key_id": self.new_key(),
            "signature": self.new_signature(own),
            "rule_id": self.new_rule(),
            "entry_id": f"gate_{own}",
            "standing_id": self.new_standing(),
            "suggestion_id": told[0]["suggestion_id"],
        }
        self.waiting = self.new_question()
        self.other = self.new_signature()

    def new_pattern(self):
        """The signature of a failure that the workflow `broken` has repeated."""
        self.client.post("/workflows", {"workflow_id": "broken", "definition": BROKEN})
        for _ in range(5):
            self.client.ended(self.client.run("broken"))
        (pattern,) = self.client.get("/patterns")["patterns"]
        return pattern["signature"]

    def new_verified(self):
        """A change of a workflow of its own, that has held."""
        definition = yaml.safe_load(workflow_text(URGENT_MAIL))
        self.client.post("/workflows", {"workflow_id": "mended", "definition": definition})
        failed = self.client.run("mended")
        self.client.ended(failed)
        report = self.client.post(f"/executions/{failed}/analyze")
        fix_id = next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])
        approval_id = self.client.approved(fix_id)
        change_id = self.client.post(f"/approvals/{approval_id}/apply")["change_id"]
        for _ in range(3):
            self.client.ended(self.client.run("mended"))
        assert self.client.get(f"/changes/{change_id}/outcome")["state"] == "verified"
        return change_id

    def new_handed_over(self):
        """A fix that a person carries out: an account of this workspace is not connected."""
        account = {"content": {"type": "gmail", "connected": False}}
        assert self.client("PUT", "/resources/integration/Mail", json=account).is_success
        step = {"id": "ask", "action": "http_request"}
        step["with"] = {"url": "https://mail.example/", "integration": "Mail"}
        definition = {"name": "Ask", "steps": [step]}
        self.client.post("/workflows", {"workflow_id": "mailing", "definition": definition})
        failed = self.client.run("mailing")
        self.client.ended(failed)
        actions = self.client.post(f"/executions/{failed}/analyze")["actions"]
        return next(one["fix_id"] for one in actions if one["type"] == "connect_integration")

    def new_question(self):
        """A run that waits for a person."""
        execution_id = self.client.run("asking", test_mode=True)
        assert self.client.ended(execution_id)["status"] == "paused"
        return execution_id

    def new_signature(self, name=None):
        """Of a failure that is like no other: its caller says what it is."""
        name = name or f"failure {next(_numbers)}"
        error = FOREIGN_RUN["error"] | {"fingerprint": name}
        run = FOREIGN_RUN | {"execution_id": name, "error": error}
        return self.client.post("/analyses", {"run": run})["signature"]

    def new_rule(self):
        path = f"/groups/{self.new_signature()}/ignore"
        return self.client.post(path)["rule_id"]

    def new_key(self):
        made = {"name": "someone", "kind": "machine", "role": "viewer"}
        return self.client.post("/keys", made)["key_id"]

    def new_standing(self):
        return self.client.post("/standing", standing_terms())["standing_id"]

    def new_approval(self):
        self._as_it_was()
        return self.client.approved(self.ids["fix_id"])

    def new_change(self):
        approval_id = self.new_approval()
        return self.client.post(f"/approvals/{approval_id}/apply")["change_id"]

    def _as_it_was(self):
        """The workflow without the fix, so that it can be applied again."""
        for change in self.client.get(f"/workflows/{URGENT_MAIL}/changes")["changes"]:
            if change["kind"] == "fix" and change["state"] == "applied":
                self.client.post(f"/changes/{change['change_id']}/revert")

    def request(self, row, *, consumed=False, **ids):
        """Method, path and options of a request that *row* of the table answers with success.

        consumed: whether the thing it names will be used up, so that a new one is made for it.
        """
        method, _, path = row.partition(" (")[0].partition(" ")
        known = self.ids | ({"execution_id": self.waiting} if row == DECIDE else {})
        known |= (
            {"workflow_id": "broken", "signature": self.pattern} if "/patterns/" in path else {}
        )
        known |= {"workflow_id": "rounds"} if "/suggestions/" in path else {}
        known |= {"change_id": self.verified} if path.endswith("/case") else {}
        known |= {"fix_id": self.handed_over} if path.endswith("/recheck") else {}
        known |= ({} if not consumed else self._made_for(row)) | ids
        options = OPTIONS.get(row, {})
        if row == "PATCH /settings":
            options = {"json": {"pattern_window": next(_few)}}
        if row == "PATCH /settings (loosening)":
            options = {"json": {"nightly_credit_cap": next(_numbers)}}
        if row == "PUT /autonomy":
            options = {"json": dict(zip(("fix_type", "level"), next(_lower), strict=True))}
        if row == "PUT /autonomy (loosening)":
            options = {"json": {"fix_type": next(_standing), "level": "standing"}}
        if row == "GET /fixes/{fix_id}/preview (dry run)":
            options = {"params": {"dry_run": True}}
        if row in OF_PAIRS:
            other = self.new_signature() if consumed else self.other
            options = {"json": {"other": other, "reason": "another cause"}}
        if row == "POST /fixes/{fix_id}/approve":
            self._as_it_was()
            options = {"json": self.client.seen(self.ids["fix_id"])}
        return method, path.format(**known), options

    def _made_for(self, row):
        match row:
            case "POST /approvals/{approval_id}/apply":
                return {"approval_id": self.new_approval()}
            case "POST /changes/{change_id}/undo" | "POST /changes/{change_id}/revert":
                return {"change_id": self.new_change()}
            case "POST /groups/{signature}/ignore":
                return {"signature": self.new_signature()}
            case "POST /groups/{signature}/unignore":
                signature = self.new_signature()
                self.client.post(f"/groups/{signature}/ignore")
                return {"signature": signature}
            case "DELETE /groups/rules/{rule_id}":
                return {"rule_id": self.new_rule()}
            case "POST /standing/{standing_id}/revoke" | "POST /keys/{key_id}/revoke":
                return {"standing_id": self.new_standing(), "key_id": self.new_key()}
            case _ if row in PASSING:
                path, body, ids = PASSING[row]
                self.client("PUT", path, json=body)
                return ids
            case "POST /executions/{execution_id}/approvals/{path}":
                return {"execution_id": self.new_question()}
            case "POST /executions/{execution_id}/resume":
                self.client.ended(self.ids["execution_id"])
                return {}
            case _:
                return {}


#: What is deleted: where it is made for that, of what, and what it is called.
PASSING = {
    "DELETE /resources/{kind}/{name}": (
        "/resources/template/passing",
        TEMPLATE,
        {"name": "passing"},
    ),
    "DELETE /knowledge/{entry_id}": (
        "/knowledge/passing",
        {"content": ENTRY},
        {"entry_id": "passing"},
    ),
    "DELETE /quotas/{integration}/{unit}/{window}": (
        "/quotas/passing/sends/day",
        {"limit": 9},
        {"integration": "passing"},
    ),
}
OF_PAIRS = {"POST /groups/{signature}/split", "POST /groups/{signature}/merge"}
OPTIONS = {
    "POST /workflows": {"json": {"definition": DEFINITION}},
    "PUT /workflows/{workflow_id}": {
        "json": {"definition": DEFINITION},
        "headers": {"If-Match": "*"},
    },
    "POST /workflows/{workflow_id}/pause": {"json": {"reason": "a holiday"}},
    "POST /workflows/optimize": {"json": {"definition": ROUNDS}},
    "POST /executions": {"json": {"workflow_id": "greeting", "test_mode": True}},
    "POST /executions/{execution_id}/resume": {"json": {"resume_mode": "full"}},
    "POST /fixes/{fix_id}/patch": {
        "json": {"path": "agents/mail.yaml", "content": workflow_text(URGENT_MAIL)}
    },
    DECIDE: {"json": {"decision": "approved", "comment": "Read it."}},
    "PUT /quotas/{integration}/{unit}/{window}": {"json": {"limit": 9}},
    "PUT /resources/{kind}/{name}": {"json": TEMPLATE},
    "POST /analyses": {"json": {"run": FOREIGN_RUN}},
    "POST /diagnose": {"json": {"text": "401 Unauthorized: token expired"}},
    "PUT /knowledge/{entry_id}": {"json": {"content": ENTRY}},
    "POST /analyses/{analysis_id}/feedback": {"json": {"helpful": True, "reason": "It did."}},
    "PUT /autonomy": {"json": {"fix_type": "set_loop_bound", "level": "suggest"}},
    "POST /credits/grant": {"json": {"credits": 100}},
    "PATCH /settings": {"json": {"nightly_enabled": False}},
    "POST /audit/verify": {"json": {}},
    "POST /standing": {"json": standing_terms()},
    "POST /keys": {"json": {"name": "another", "kind": "machine", "role": "viewer"}},
}
