"""Every command explains itself, and speaks JSON when asked to."""

import click
import pytest

from copilot.surfaces.cli import cli

#: It speaks a protocol of its own on standard output.
NO_JSON = {("mcp",)}


def commands(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        here = (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, here)
            if command.invoke_without_command:
                yield here, command
        else:
            yield here, command


ALL = dict(commands(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_it_says_what_it_is_for(path):
    command = ALL[path]
    help_text = command.help or ""
    sentences = help_text.partition("For example:")[0].strip()
    assert sentences.endswith("."), "whole sentences, and then perhaps an example"
    assert 20 < len(help_text) < 900
    undescribed = [
        option.name
        for option in command.params
        if isinstance(option, click.Option) and not option.help and option.name != "help"
    ]
    assert not undescribed


@pytest.mark.parametrize("path", sorted(ALL.keys() - NO_JSON), ids=" ".join)
def test_it_speaks_json(path):
    options = [name for option in ALL[path].params for name in option.opts]
    assert "--json" in options


def test_the_list_of_commands_is_whole(ask):
    answer = ask("--help")
    assert answer.code == 0
    for name, *_ in ALL:
        assert f"  {name} " in answer.out


def test_a_misspelt_command_is_answered_with_the_near_one(ask):
    answer = ask("analyse", "x")
    assert answer.code == 2
    assert "Did you mean analyze?" in answer.err
