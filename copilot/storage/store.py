"""Everything the copilot stores, one part a noun, over one database."""

from sqlalchemy import Engine

from .analyses import Analyses
from .approvals import Approvals
from .audit import AuditTrail
from .autonomy import AutonomyStore
from .causes import Causes
from .changes import Changes
from .consultations import Consultations
from .database import Clock, Database, utc_now
from .decisions import Decisions
from .failures import Failures
from .feedback import FeedbackStore
from .group_reading import Groups
from .group_rules import GroupRules
from .ledger import Ledger
from .migrate import migrate
from .nights import Nights
from .notices import NoticeStore
from .outcomes import Outcomes
from .own_entries import OwnEntries
from .past_fixes import PastFixes
from .patterns import Patterns
from .people import People
from .receipts import Receipts
from .requests import Requests
from .rollbacks import RollbackStore
from .run_facts import RunFacts
from .spending import Spending
from .standing import StandingStore
from .suggestions import SuggestionStore


class Store:
    """Each public function of a part is one transaction; every read is bound to one workspace."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        database = Database(engine, clock)
        self.database = database
        self.failures = Failures(database)
        self.groups = Groups(database)
        self.causes = Causes(database)
        self.patterns = Patterns(database)
        self.run_facts = RunFacts(database)
        self.group_rules = GroupRules(database)
        self.ledger = Ledger(database)
        self.analyses = Analyses(database, self.ledger)
        self.approvals = Approvals(database)
        self.changes = Changes(database)
        self.outcomes = Outcomes(database)
        self.people = People(database)
        self.decisions = Decisions(database)
        self.audit = AuditTrail(database)
        self.requests = Requests(database)
        self.receipts = Receipts(database)
        self.nights = Nights(database)
        self.notices = NoticeStore(database)
        self.own_entries = OwnEntries(database)
        self.consultations = Consultations(database)
        self.spending = Spending(database)
        self.suggestions = SuggestionStore(database)
        self.standing = StandingStore(database)
        self.rollbacks = RollbackStore(database)
        self.past_fixes = PastFixes(database)
        self.feedback = FeedbackStore(database)
        self.autonomy = AutonomyStore(database)

    @classmethod
    def open(cls, engine: Engine, *, clock: Clock = utc_now) -> "Store":
        """A store whose tables are there and up to date."""
        migrate(engine)
        return cls(engine, clock=clock)
