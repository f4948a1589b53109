"""One product, one mail server, one model and one web server for all cases."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from copilot.settings import Settings

from .cases import CASES, Goldens
from .model import KnownAnswers
from .product import Product, ProductOverHttp
from .servers import Mailbox, Web, mail
from .servers import web as served

pytest.register_assert_rewrite("tests.golden.stage")


@pytest.fixture(scope="module")
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def mail_port(mailbox: Mailbox) -> Iterator[int]:
    with mail(mailbox) as port:
        yield port


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def model() -> KnownAnswers:
    return KnownAnswers()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, mail_port: int, web: Web) -> Settings:
    return Settings(
        data=tmp_path_factory.mktemp("cases"),
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_starttls=False,
        smtp_sender="Copilot <copilot@example.com>",
        allowed_hosts=(f"127.0.0.1:{web.port}",),
    )


@pytest.fixture(scope="module", params=[Product, ProductOverHttp], ids=["here", "over-http"])
def product(
    request: pytest.FixtureRequest, settings: Settings, model: KnownAnswers, web: Web
) -> Iterator[Product]:
    folder = settings.data / request.param.__name__
    product = request.param(settings.model_copy(update={"data": folder}), model)
    product.before_run = (web.begin, model.begin)
    model.has_field = product.has_field
    product.start()
    yield product
    product.stop()


@pytest.fixture
def goldens(web: Web) -> Callable[[str], Goldens]:
    """The goldens of a case; `UPDATE_GOLDEN=1` writes them instead of comparing."""
    since = datetime.now(UTC).replace(microsecond=0)
    updating = os.environ.get("UPDATE_GOLDEN") == "1"
    return lambda slug: Goldens(CASES / slug, since=since, updating=updating, port=web.port)
