"""What is made on the disk is for its owner alone, whatever the umask; what was there stays."""

import os
import stat

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load

SQLITE_FILES = {
    "ask-copilot.sqlite",
    "ask-copilot.sqlite-wal",
    "ask-copilot.sqlite-shm",
    "ask-copilot.sqlite.lock",
}


def modes(folder):
    """Of the SQLite files in *folder* while the database is open."""
    return {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in folder.iterdir()
        if path.name.startswith("ask-copilot.sqlite")
    }


@pytest.fixture(params=[0o000, 0o022, 0o277], ids="{:o}".format)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def opened(**places):
    return open_app(load({}, **places), dispatch=False)


def test_a_new_folder_and_its_database_are_for_their_owner_alone(tmp_path, umask):
    data = tmp_path / "data"
    with opened(data=data) as app:
        app.owner().analyses.failures()
        found = modes(data)
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert found.keys() >= SQLITE_FILES
    assert set(found.values()) == {0o600}
    with opened(data=data) as app:
        assert app.owner().analyses.failures().items == ()
        assert set(modes(data).values()) == {0o600}


def test_a_database_outside_the_data_folder_is_for_its_owner_alone(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    url = f"sqlite:///{elsewhere / 'ask-copilot.sqlite'}"
    with opened(data=tmp_path / "data", database_url=url):
        found = modes(elsewhere)
    assert found.keys() >= SQLITE_FILES
    assert set(found.values()) == {0o600}


def test_what_was_there_is_left_as_it_is(tmp_path):
    data = tmp_path / "data"
    with opened(data=data):
        pass
    database = data / "ask-copilot.sqlite"
    database.chmod(0o640)
    data.chmod(0o750)
    with opened(data=data):
        assert stat.S_IMODE(data.stat().st_mode) == 0o750
        assert modes(data)[database.name] == 0o640
