"""Sends messages through the workspace's mail server."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import IntegrationNotConnected, InvalidData
from ..ports import MailServer
from ..quota import QuotaUse
from . import ActionContext
from ._address import read_address
from ._integration import require_connected
from ._smtp import Envelope, deliver

repeatable = False
effect = "acts"


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str | list[str] = Field(description="Addresses, with or without a name.")
    subject: str = Field(default="", max_length=1000)
    body: str = Field(max_length=1_000_000)
    cc: list[str] = Field(default_factory=list[str], max_length=50)


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str | list[str] | None = None
    subject: str = Field(default="", max_length=1000)
    body: str | None = Field(default=None, max_length=1_000_000)
    cc: list[str] = Field(default_factory=list[str], max_length=50)
    reply_to: str | None = None
    format: Literal["text", "html"] = "text"
    integration: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The account it is sent for; the step fails while it is not connected.",
    )
    messages: list[Message] | None = Field(
        default=None, max_length=1000, description="Many at once, as render_template makes them."
    )

    @model_validator(mode="after")
    def _one_form(self) -> "Parameters":
        single = self.to is not None and self.body is not None
        if single == (self.messages is not None):
            raise ValueError("give either `to` and `body`, or `messages`")
        return self


def quota_use(parameters: Parameters) -> QuotaUse | None:
    """Its messages, and everybody they go to."""
    if parameters.integration is None:
        return None
    messages = _messages(parameters)
    recipients = sum(
        len(one.cc) + (1 if isinstance(one.to, str) else len(one.to)) for one in messages
    )
    return QuotaUse(parameters.integration, {"messages": len(messages), "recipients": recipients})


async def run(parameters: Parameters, context: ActionContext) -> dict[str, Any]:
    """`{sent, message_ids}`. All addresses are checked before the first message goes out.

    The Message-ID is derived from the effect key, so a repeat of the same step carries the same
    one. Raises `InvalidData`, `IntegrationNotConnected`, `AuthFailed`, `PermissionDenied`,
    `RateLimited`, `UpstreamFailed`, `NetworkFailed`, and `ActionFailed` once something was sent.
    """
    if parameters.integration is not None:
        require_connected(parameters.integration, context.resources)
    server = context.mail
    if server is None:
        raise IntegrationNotConnected("No mail server is connected to this workspace", name="mail")
    sender = read_address(server.sender, field="sender")
    envelopes = [
        _envelope(message, parameters, sender=sender, identity=f"{context.effect_key}#{index}")
        for index, message in enumerate(_messages(parameters))
    ]
    await _deliver(envelopes, server)
    identifiers = [str(envelope.message["Message-ID"]) for envelope in envelopes]
    return {"sent": len(envelopes), "message_ids": identifiers}


async def _deliver(envelopes: Sequence[Envelope], server: MailServer) -> None:
    if envelopes:
        await asyncio.to_thread(deliver, envelopes, server)


def _messages(parameters: Parameters) -> list[Message]:
    if parameters.messages is not None:
        return parameters.messages
    return [
        Message(
            to=parameters.to or [],
            subject=parameters.subject,
            body=parameters.body or "",
            cc=parameters.cc,
        )
    ]


def _envelope(
    message: Message, parameters: Parameters, *, sender: Address, identity: str
) -> Envelope:
    listed = [message.to] if isinstance(message.to, str) else message.to
    to = [read_address(address) for address in listed]
    cc = [read_address(address, field="cc") for address in message.cc]
    if not to or len(to) > 50:
        raise InvalidData(
            "A message needs 1 to 50 addresses", kind="mail", field="to", value=len(to)
        )
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    if cc:
        mail["Cc"] = cc
    if parameters.reply_to is not None:
        mail["Reply-To"] = read_address(parameters.reply_to, field="reply_to")
    mail["Subject"] = _one_line(message.subject)
    mail["Date"] = datetime.now(UTC)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{digest}@{sender.domain}>"
    mail.set_content(message.body, subtype="html" if parameters.format == "html" else "plain")
    recipients = tuple(dict.fromkeys(address.addr_spec for address in [*to, *cc]))
    return Envelope(mail, sender.addr_spec, recipients)


def _one_line(subject: str) -> str:
    """The subject, refused if it could begin another header."""
    if any(not character.isprintable() for character in subject):
        raise InvalidData(
            "The subject must be one line of text",
            kind="mail",
            field="subject",
            value=subject[:200],
        )
    return subject
