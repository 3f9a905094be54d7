from datetime import UTC, datetime

from domain.incident import Incident
from domain.store import Digest, Gathered
from nightshift.render_digest import digest_note, render_digest
from nightshift.testing import T0, firing

DIGEST = Digest(
    id="d",
    channel="console",
    opened_at=datetime(2026, 3, 1, 3, 12, tzinfo=UTC),
    version=1,
    loud=True,
    external_id=None,
)


def incident(name: str, reason: str = "gave up") -> Incident:
    """An incident without a target."""
    alert = firing(f"Alert{name}", name=name)
    return Incident(
        id=f"id-{name}", alert=alert, occurrence=1, status="done", reason=reason, opened_at=T0
    )


def test_it_says_how_many_and_how_they_stand() -> None:
    """In words, the urgent first."""
    gathered = Gathered(
        counts={"resolved": 3, "escalated": 2}, asking=[], needing=[], belonging=900
    )
    note = digest_note(DIGEST, gathered)

    assert note.title == "5 incidents at once, since 03:12 UTC"
    assert note.counts == "2 need you, 3 fixed"
    assert note.belonging == "900 more alerts belong to these"
    assert note.more.startswith("2 more: ")


def test_each_question_has_its_commands() -> None:
    """A digest takes nobody's word for many: each is answered by its id."""
    gathered = Gathered(
        counts={"waiting": 2}, asking=[incident("a"), incident("b")], needing=[], belonging=0
    )
    message = render_digest(DIGEST, gathered)

    for name in ("a", "b"):
        assert f"nightshift incidents approve id-{name}" in message.text
        assert f"nightshift incidents deny id-{name}" in message.html
    assert message.loud


def test_text_from_outside_is_escaped() -> None:
    """What an alert brings along is no markup."""
    bad = incident("a", reason="<b>me</b>\n\x07next")
    gathered = Gathered(counts={"escalated": 1}, asking=[], needing=[bad], belonging=0)
    message = render_digest(DIGEST, gathered)

    assert "&lt;b&gt;me&lt;/b&gt; next" in message.html
    assert "<b>me</b> next" in message.text
