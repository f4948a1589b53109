"""One workspace of a real application: definitions in, runs that have ended and reports out."""

import itertools

from engine.workspace import ResourceKind

PATIENCE = 60
_NAMES = (f"bench{number}" for number in itertools.count())


class Bench:
    def __init__(self, app):
        self.app = app
        self.workspace = next(_NAMES)
        self.service = app.owner(self.workspace)

    def put(self, *steps, workflow_id="w", **settings):
        definition = {"name": "Outreach", **settings, "steps": list(steps)}
        return self.service.workflows.create(definition, workflow_id=workflow_id)

    def files(self, **contents):
        """Files of the workspace: an underscore stands for the dot."""
        folder = self.app.settings.files / self.workspace
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")

    def integration(self, name, **content):
        self.service.resources.put(ResourceKind.INTEGRATION, name, content)

    def run(self, workflow_id="w"):
        started = self.service.executions.start(workflow_id)
        return self.service.executions.wait(started.id, PATIENCE)

    def resume(self, run, mode="partial"):
        self.service.executions.resume(run.id, mode=mode)
        return self.service.executions.wait(run.id, PATIENCE)

    def report(self, run=None):
        """On *run*, or on a new one."""
        return self.service.analyses.analyze((run or self.run()).id)

    def apply(self, report, fix_type):
        """Applies the first fix of this type; gives the change."""
        fix = next(one for one in report.suggested_fixes if one.type == fix_type and one.fix_id)
        shown = self.service.fixes.preview(fix.fix_id)
        approval = self.service.fixes.approve(
            fix.fix_id, digest=shown.digest, version=shown.base_version
        )
        return self.service.fixes.apply(approval.approval_id)


def tool(step_id, action, **parameters):
    return {"id": step_id, "action": action, "with": parameters}


def render(step_id, body, **values):
    return tool(step_id, "render_template", body=body, values=values)
