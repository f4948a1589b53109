"""What every runtime has by being a file in `copilot/runtimes`."""

import inspect
import subprocess
import sys
from types import ModuleType

import pytest

from copilot.runtimes import RUNTIMES, load_catalog
from copilot.settings import Settings

ASKING = {name: module for name, module in RUNTIMES.items() if name != "offline"}
KNOWN = {"structured", "tools", "stream", "thinking"}
#: What a process without a single setting lacks for each; `scripted` is for tests alone.
HEAVY = (
    "openai",
    "anthropic",
    "langchain_google_vertexai",
    "langchain_google_genai",
    "google.genai",
    "google.auth",
)


@pytest.fixture(params=sorted(ASKING))
def module(request: pytest.FixtureRequest) -> ModuleType:
    return ASKING[request.param]


def test_the_runtimes_are_those_that_the_readme_names() -> None:
    names = {"offline", "openai", "anthropic", "vertex", "google", "compatible", "scripted"}
    assert set(RUNTIMES) == names


def test_it_says_what_it_can_do_in_known_words(module: ModuleType) -> None:
    assert module.CAPABILITIES
    assert set(module.CAPABILITIES) <= KNOWN
    assert module.__doc__


def test_without_settings_it_says_what_is_missing_and_what_to_set(module: ModuleType) -> None:
    missing = module.missing(Settings())
    assert missing is not None
    assert "ASK_COPILOT_" in missing or "pip install" in missing


def test_the_catalog_has_its_models(module: ModuleType) -> None:
    name = module.__name__.rpartition(".")[2]
    assert name in load_catalog().runtimes
    if name not in ("compatible",):
        assert load_catalog().default(name).runtime == name


def test_making_one_takes_the_settings_and_gives_a_runtime(module: ModuleType) -> None:
    signature = inspect.signature(module.make)
    first, *others = signature.parameters.values()
    assert first.name == "settings"
    assert all(one.default is not inspect.Parameter.empty for one in others)
    given = signature.return_annotation
    assert "Runtime" in (given if isinstance(given, str) else given.__name__)


def test_no_provider_package_is_imported_before_its_runtime_is_made() -> None:
    program = (
        "import sys; import copilot.runtimes, copilot.bootstrap;"
        f" print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
