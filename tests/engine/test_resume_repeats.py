"""A step that did what can't be repeated, and a new version in which it is called otherwise."""

from dataclasses import dataclass, field

import pytest

from engine.errors import EffectWouldRepeat
from engine.run.repeats import acts
from engine.testing import FunctionAction, ScriptedModel, actions, inline_engine
from tests.engine.nested import (
    FAILED,
    SUCCEEDED,
    branch,
    call,
    definition,
    loop,
    parallel,
    start,
)

MODES = ("partial", "dependencies", "full")


@dataclass
class World:
    broken: set = field(default_factory=set)
    sent: list = field(default_factory=list)

    def send(self, context, value=None):
        self.sent.append(context.path)
        if context.path in self.broken:
            raise ConnectionError("reset")  # nobody knows whether it went out
        return value

    def work(self, context, value=None):
        if context.path in self.broken:
            raise ValueError("broken")
        return value


@pytest.fixture
def world():
    return World()


@pytest.fixture
def engine(tmp_path, world):
    known = actions(
        work=world.work,
        send=FunctionAction(world.send, repeatable=False),
        post=FunctionAction(world.send, repeatable=False),
    )
    with inline_engine(tmp_path, actions=known, model=ScriptedModel(["said"] * 9)) as engine:
        yield engine


def send(step_id="send", value=1, **more):
    return call(step_id, "send", given={"value": value}, **more)


def work(step_id="end", value=None, **more):
    return call(step_id, "work", given={"value": value}, **more)


END = work("end")


def failed(engine, world, *steps, broken="/end"):
    world.broken = {broken}
    run = start(engine, *steps)
    assert run.status is FAILED
    world.broken = set()
    world.sent.clear()
    return run


def changed(engine, *steps):
    engine.put_workflow("acme", definition(*steps), workflow_id="w")


def refusal(engine, run, mode):
    """Why it is refused, the same in advance and then; None if it is not."""
    told = {one.mode: one for one in engine.resume_options.of("acme", run.id).options}[mode]
    if told.refused is None:
        assert engine.resume("acme", run.id, mode=mode).resume_report == told.report
        return None
    with pytest.raises(EffectWouldRepeat) as refused:
        engine.resume("acme", run.id, mode=mode)
    assert (told.refused, told.refused_code) == (str(refused.value), "effect_would_repeat")
    assert (told.report, told.estimate) == (None, None)
    return refused.value.args


FAN = parallel("fan", left=[send("go")], right=[work("aside")])
EACH = loop("each", send("go", "{{ loop.item }}"), for_each=[1, 2])
BY_AGENT = {"id": "asks", "type": "agent", "prompt": "Send it.", "tools": ["send"]}
TAKEN_OVER = {
    "renamed": ([send()], [send("mail")], ("/send",), ("/mail",)),
    "into a branch": (
        [send()],
        [branch("way", ("yes", "1 == 1", [send()]))],
        ("/send",),
        ("/way/yes/send",),
    ),
    "into a branch of its name": (
        [send()],
        [branch("send", ("yes", "1 == 1", [send("mail")]))],
        ("/send",),
        ("/send/yes/mail",),
    ),
    "out of a branch": (
        [branch("way", ("yes", "1 == 1", [send()]))],
        [send("mail")],
        ("/way/yes/send",),
        ("/mail",),
    ),
    "into a loop": (
        [send()],
        [loop("each", send(), for_each=[1, 2])],
        ("/send",),
        ("/each/*/send",),
    ),
    "out of a loop": ([EACH], [send("go")], ("/each/1/go", "/each/2/go"), ("/go",)),
    "a loop by another name": (
        [EACH],
        [EACH | {"id": "all"}],
        ("/each/1/go", "/each/2/go"),
        ("/all/*/go",),
    ),
    "inside a loop": (
        [EACH],
        [loop("each", send("mail", "{{ loop.item }}"), for_each=[1, 2])],
        ("/each/1/go", "/each/2/go"),
        ("/each/*/mail",),
    ),
    "to the other lane": (
        [FAN],
        [parallel("fan", left=[work("idle")], right=[work("aside"), send("go")])],
        ("/fan/left/go",),
        ("/fan/right/go",),
    ),
    "by its id with another action": (
        [send()],
        [branch("way", ("yes", "1 == 1", [call("send", "post")]))],
        ("/send",),
        ("/way/yes/send",),
    ),
    "as a fallback": (
        [send()],
        [work("new", fallback={"action": "send"})],
        ("/send",),
        ("/new",),
    ),
    "from a fallback": (
        [call("new", "post", fallback={"action": "send"})],
        [send()],
        ("/new",),
        ("/send",),
    ),
    "by an agent": ([send()], [BY_AGENT], ("/send",), ("/asks",)),
    "one further": (
        [send("one", "a")],
        [send("one", "new"), send("two", "a")],
        ("/one",),
        ("/two",),
    ),
    "one further behind something else": (
        [send("one"), work("two")],
        [call("one", "echo"), send("two")],
        ("/one",),
        ("/two",),
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", TAKEN_OVER)
def test_what_it_did_is_not_done_again_under_another_name(engine, world, case, mode):
    before, after, done, again = TAKEN_OVER[case]
    run = failed(engine, world, *before, END)
    changed(engine, *after, END)
    assert refusal(engine, run, mode) == (done, again)
    assert engine.execution("acme", run.id).round == 1
    assert world.sent == []
    engine.resume("acme", run.id, mode=mode, repeat_effects=True)
    assert engine.execution("acme", run.id).status is SUCCEEDED


def test_both_names_are_said_and_what_to_do(engine, world):
    run = failed(engine, world, send(), END)
    changed(engine, send("mail"), END)
    with pytest.raises(EffectWouldRepeat) as refused:
        engine.resume("acme", run.id, mode="partial")
    assert str(refused.value) == (
        "These steps did, or may have done, what can't be repeated: /send. The workflow has "
        "changed since, and what could do it again is /mail. Resume with repeat_effects to do it "
        "again, or give what was done its old id and place back."
    )
    changed(engine, send(), END)
    assert refusal(engine, run, "partial") is None
    assert world.sent == []


@pytest.mark.parametrize("mode", MODES)
def test_what_may_have_happened_is_not_done_again_under_another_name(engine, world, mode):
    run = failed(engine, world, send(), END, broken="/send")
    changed(engine, send("mail"), END)
    assert refusal(engine, run, mode) == (("/send",), ("/mail",))


def test_what_surely_did_not_happen_may_be_done_under_another_name(engine, world):
    run = failed(engine, world, work("a"), send(), END, broken="/a")
    changed(engine, work("a"), send("mail"), END)
    assert refusal(engine, run, "partial") is None
    assert world.sent == ["/mail"]


NO_ALARM = {
    "it is gone and nothing like it is new": ([send()], [], []),
    "the other was there before": ([send()], [], [send("later")]),
    "the other was there before in a loop": (
        [send()],
        [],
        [loop("each", send("go", "{{ loop.item }}"), for_each=[1, 2])],
    ),
    "the other is new and it stays": ([send()], [send()], [send("later")]),
    "what has its name does nothing of the kind": (
        [send()],
        [call("send", "render_template", given={"body": "x"})],
        [],
    ),
    "what has its action may be repeated": ([send()], [send("mail", repeatable=True)], []),
    "it is where it was in another order": ([send(), work("a")], [work("a"), send()], []),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", NO_ALARM)
def test_there_is_no_alarm_where_nothing_would_be_repeated(tmp_path, world, case, mode):
    before, after, later = NO_ALARM[case]
    render = FunctionAction(lambda body: body)
    known = actions(work=world.work, send=FunctionAction(world.send, repeatable=False))
    with inline_engine(tmp_path, actions=known | {"render_template": render}) as engine:
        there = [] if case == "the other is new and it stays" else later
        run = failed(engine, world, *before, END, *there)
        changed(engine, *after, END, *later)
        assert refusal(engine, run, mode) is None
        assert engine.execution("acme", run.id).status is SUCCEEDED
        assert "/send" not in world.sent


def test_a_request_that_only_reads_repeats_no_other():
    get = {"url": "https://x.example", "method": "GET"}
    steps = definition(
        call("reads", "http_request", given=get),
        call("writes", "http_request", given=get | {"method": "POST"}),
        call("either", "http_request", given=get | {"method": "{{ reads.way }}"}),
        call("mails", "send_email", given={"to": "{{ reads.to }}", "body": "x"}),
        call("renders", "render_template", given={"body": "x"}),
    ).steps
    assert [sorted(acts(step)) for step in steps] == [
        [],
        ["http_request"],
        ["http_request"],
        ["send_email"],
        [],
    ]


@pytest.mark.parametrize("mode", MODES)
def test_effects_of_a_loop_are_not_taken_for_those_of_its_new_items(engine, world, mode):
    run = failed(engine, world, EACH, END)
    changed(engine, EACH | {"for_each": [2, 3]}, END)
    assert refusal(engine, run, mode) == (("/each/1/go", "/each/2/go"),)


def test_effects_of_a_loop_stay_where_only_its_bound_or_another_step_is_new(engine, world):
    run = failed(engine, world, EACH, END)
    more = loop("each", work("new"), send("go", "{{ loop.item }}"), for_each=[1, 2], most=20)
    changed(engine, more, END)
    assert refusal(engine, run, "partial") is None
    assert world.sent == []
