"""An owner's signature on a store, fixes that it covers, and what may happen at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

from copilot.errors import ApprovalRefused
from copilot.snapshot import Snapshot
from copilot.storage.account_tables import API_KEY, PRINCIPAL
from copilot.storage.database import insert_new
from copilot.storage.store import Store
from copilot.types import Approval, Preview
from copilot.types.principal import Principal, Role
from copilot.types.standing import StandingApproval, StandingTerms
from tests.copilot.storage_builders import a_snapshot, adding_a_template

OLGA = Principal(id="person_1", name="Olga", workspace_id="acme", role=Role.OWNER)
KEY = "olgas-key"


def terms(store: Store, **given: object) -> StandingTerms:
    known = {"fix_type": "create_template", "max_uses": 3}
    known |= {"expires_at": store.database.now() + timedelta(days=30)}
    return StandingTerms(**(known | given))


def let_in(store: Store) -> None:
    """Olga is an owner with one key."""
    now = store.database.now()
    person = {"principal_id": OLGA.id, "workspace_id": "acme", "name": "Olga", "kind": "person"}
    key = {"key_id": KEY, "principal_id": OLGA.id, "workspace_id": "acme", "name": "Olga"}
    key |= {"prefix": "ask_", "digest": "0", "created_by": OLGA.id, "created_by_name": "Olga"}
    with store.database.write() as connection:
        insert_new(connection, PRINCIPAL, person | {"role": "owner", "created_at": now})
        insert_new(connection, API_KEY, key | {"created_at": now})


def signed(store: Store, **given: object) -> StandingApproval:
    let_in(store)
    return store.standing.create(OLGA, terms(store, **given))


def proposed(number: int = 1) -> tuple[Preview, Snapshot]:
    return adding_a_template(a_snapshot(), fix_id=f"fix-{number}")


def use(store: Store, number: int = 1, *, covers=lambda _standing: True) -> Approval | None:
    hour = timedelta(hours=1)
    return store.standing.use("acme", proposed(number)[0], covers=covers, valid_for=hour)


def begin(store: Store, approval: Approval):
    _, after = proposed()
    return store.changes.begin(
        approval, fix_type="create_template", before=a_snapshot(), after=after
    )


def use_from_threads(store: Store, *, threads: int, each: int) -> list[Approval]:
    """What they got, each asking for fixes of its own."""
    barrier = Barrier(threads)

    def run(thread: int) -> list[Approval | None]:
        barrier.wait()
        return [use(store, thread * each + number) for number in range(each)]

    with ThreadPoolExecutor(threads) as pool:
        found = [one for part in pool.map(run, range(threads)) for one in part]
    return [one for one in found if one is not None]


def begin_while_it_is_revoked(store: Store, *, threads: int, each: int) -> tuple[int, int]:
    """How many changes began, and how many after the revocation was done."""
    standing = signed(store, max_uses=1000)
    approvals = [use(store, number) for number in range(threads * each)]
    barrier, revoked = Barrier(threads + 1), Event()

    def run(thread: int) -> tuple[int, int]:
        barrier.wait()
        began, late = 0, 0
        for approval in approvals[thread * each : (thread + 1) * each]:
            after = revoked.is_set()
            try:
                begin(store, approval)
            except ApprovalRefused:
                continue
            began, late = began + 1, late + after
        return began, late

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, thread) for thread in range(threads)]
        barrier.wait()
        store.standing.revoke(OLGA, standing.standing_id)
        revoked.set()
        counts = [one.result(120) for one in running]
    return sum(one for one, _ in counts), sum(late for _, late in counts)
