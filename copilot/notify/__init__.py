"""Telling people: by e-mail through the mail server of the settings, and by signed webhook.

`outbox` writes down what happened, in the transaction it happened in; `courier` sends it until it
has arrived, or for a day. Digests and schedules have letters of their own.
"""

from .courier import Courier, Destination, Mailed, Posted
from .lookup import Lookup
from .mail import DEADLINE, MOST_ADDRESSES, SECONDS, SMTPS_PORT, Letter, Postman, read_addresses
from .outbox import NEWS, Outbox, Wanted
from .schedules import NOTICE_SECONDS, ScheduleMail, schedule_letter
from .signing import HEADER, is_signed, signature
from .webhook import Webhooks

__all__ = [
    "DEADLINE",
    "HEADER",
    "MOST_ADDRESSES",
    "NEWS",
    "NOTICE_SECONDS",
    "SECONDS",
    "SMTPS_PORT",
    "Courier",
    "Destination",
    "Letter",
    "Lookup",
    "Mailed",
    "Outbox",
    "Posted",
    "Postman",
    "ScheduleMail",
    "Wanted",
    "Webhooks",
    "is_signed",
    "read_addresses",
    "schedule_letter",
    "signature",
]
