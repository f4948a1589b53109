"""The service does what its own OpenAPI says, asked by a fuzzer that knows nothing but that."""

import copy

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.python import asgi

from copilot.surfaces.rest.app import WORKSPACE, create_app
from tests.surfaces.rest_client import one_database
from tests.surfaces.rest_requests import World
from tests.surfaces.test_api_permissions import Unopened

#: It is the dispatcher's threads that use `random` while values are made up, not the strategies.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
EXAMPLES = 12
DEEP = 400
DESCRIBED = {
    f"{method.upper()} {path}": operation
    for path, operations in create_app(Unopened()).openapi()["paths"].items()
    for method, operation in operations.items()
}
#: What has no parameters can't be asked wrongly.
CASES = [
    pytest.param(operation, mode, id=f"{operation} {mode.value}")
    for operation, description in sorted(DESCRIBED.items())
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or description.get("parameters")
]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """The description with ids in it that there are, for each mode, and how to ask."""
    with one_database(tmp_path_factory.mktemp("data")) as server:
        world = World(server.client())
        rest = server.http.app
        described = with_ids(rest.openapi(), world)
        # The key is the session's: a request without it, or with a wrong one, tells of the gate
        # and not of the route. That is asked of good requests.
        schemas = {
            GenerationMode.POSITIVE: described,
            GenerationMode.NEGATIVE: without_security(described),
        }
        with asgi.get_client(rest) as session:
            session.headers["Authorization"] = f"Bearer {world.client.key}"
            yield {mode: loaded(schema, rest) for mode, schema in schemas.items()}, session


def loaded(described, rest):
    checks = {
        "positive_data_acceptance": {"enabled": False},  # states and ids decide, too
        "negative_data_rejection": {"expected-statuses": ["4XX"]},
    }
    config = schemathesis.Config.from_dict({"checks": checks})
    schema = schemathesis.openapi.from_dict(described, config=config)
    schema.app = rest
    return schema


def with_ids(described, world):
    """Half of the ids in paths are of something that is there."""
    described = copy.deepcopy(described)
    ids = world.ids | {"workspace_id": world.client.workspace, "version": 1}
    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                # An account or what it counts may have any name.
                if parameter["in"] == "path" and parameter["name"] not in {"integration", "unit"}:
                    known = ids[parameter["name"]]
                    lone = parameter["name"] in {"workspace_id", "kind"}
                    schema = {"enum": [known] if lone else [known, type(known)("9" * 8)]}
                    parameter["schema"] = schema
    return described


def without_security(described):
    described = copy.deepcopy(described)
    del described["security"], described["components"]["securitySchemes"]
    return described


def fuzz(fuzzed, operation, mode, *, examples):
    schemas, session = fuzzed
    method, _, path = operation.partition(" ")

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples == EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(schemas[mode][path][method].as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(session=session)

    ask()


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_every_answer_is_one_that_is_described(fuzzed, operation, mode):
    fuzz(fuzzed, operation, mode, examples=EXAMPLES)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_however_long_it_is_asked(fuzzed, operation, mode):
    fuzz(fuzzed, operation, mode, examples=DEEP)


def test_it_is_described_inside_of_workspaces_and_out():
    assert sum(WORKSPACE in operation for operation in DESCRIBED) > 40
