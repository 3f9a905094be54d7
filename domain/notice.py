"""What people are told and the port that tells them. Not here: wording, or when to speak."""

from typing import Protocol, runtime_checkable

from domain.plain import Record


class Message(Record):
    """An incident's message as it should stand now, in the two forms that channels speak.

    `html` holds no tags but `<b>`, `<i>`, `<code>`; everything from outside in it is escaped.
    `text` is the same without markup. `loud` asks the channel to make a sound.
    """

    incident: str
    html: str
    text: str
    loud: bool


@runtime_checkable
class Notifier(Protocol):
    """A channel in which one message stands for each incident."""

    name: str

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Make `message` the one that stands and return the channel's id of it.

        `previous` is the id of the message that stands now. Without one, send; with one and
        not `loud`, edit it; with one and `loud`, send anew and delete the old one, for an edit
        makes no sound. Raises Transient (with `retry_after` where the channel gave one; the
        message may nevertheless have arrived) or Permanent.
        """
