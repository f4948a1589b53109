"""Catalogs: file names are keys, aliases are declared, a wrong name never gets a default."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from copilot.errors import UnknownName
from copilot.registry import aliases, discover, pick


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    folder = tmp_path / "some_catalog"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_base.py").write_text("raise AssertionError('private modules are no entries')")
    (folder / "second.py").write_text("ALIASES = ('zweite', '2nd')")
    (folder / "first.py").write_text("VALUE = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("some_catalog")
    for name in [name for name in sys.modules if name.startswith("some_catalog")]:
        del sys.modules[name]


def test_public_modules_are_the_entries(package: ModuleType) -> None:
    found = discover(package)
    assert list(found) == ["first", "second"]
    assert found["first"].VALUE == 1
    assert aliases(found) == {"zweite": "second", "2nd": "second"}


@pytest.mark.parametrize("taken", ["second", "zweite"])
def test_a_name_can_not_mean_two_things(package: ModuleType, taken: str) -> None:
    found = dict(discover(package))
    found["first"].ALIASES = (taken,)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=taken):
        aliases(found)


def test_an_unknown_name_fails_with_the_close_ones() -> None:
    catalog = {"replace_value": 1, "create_template": 2}
    assert pick(catalog, "replace_value", kind="fix type") == 1
    with pytest.raises(UnknownName) as close:
        pick(catalog, "replacevalue", kind="fix type")
    assert close.value.args == ("fix type", "replacevalue", ("replace_value",))
    with pytest.raises(UnknownName) as far:
        pick(catalog, "qqq", kind="fix type")
    assert far.value.args[2] == ("replace_value", "create_template")
