"""The tables. Not here: how they change from version to version, or queries."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    text,
)

from domain.alert import Alert
from domain.diagnosis import Diagnosis
from domain.evidence import Evidence
from domain.facts import ContainerEvent, ContainerFacts
from domain.incident import Attempt, Episode, Usage
from domain.plain import Plain
from domain.target import Target
from domain.verdict import Verdict
from memory.columns import Instant, Shaped, Words

metadata = MetaData()
Number = BigInteger().with_variant(Integer(), "sqlite")
"""Row numbers: SQLite counts only INTEGER keys by itself."""


def _incident() -> Column[str]:
    return Column("incident", Text, ForeignKey("incidents.id"), nullable=False)


def _tenant() -> Column[str]:
    return Column("tenant", Text, nullable=False)


def _partial(name: str, *columns: str, where: str) -> Index:
    condition = text(where)
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("episode", Text, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("outcome", Text),
    Column("reason", Words, nullable=False, default=""),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("cleared_at", Instant),
    Column("parent", Text, ForeignKey("incidents.id")),
    Column("target_key", Words),
    Column("alert", Shaped(Alert), nullable=False),
    Column("target", Shaped(Target)),
    Column("diagnosis", Shaped(Diagnosis)),
    Column("attempts", Shaped(list[Attempt])),
    Column("verdict", Shaped(Verdict)),
    Column("usage", Shaped(Usage)),
    UniqueConstraint("tenant", "episode", "occurrence"),
    Index("incidents_newest", "tenant", "opened_at"),
    Index(
        "incidents_by_status", "tenant", "status", "opened_at", "outcome", "severity", "closed_at"
    ),
    _partial("incidents_children", "parent", where="parent IS NOT NULL"),
    _partial("incidents_by_target", "target_key", where="target_key IS NOT NULL"),
)

BY_TARGET = incidents.c.tenant.concat("") == bindparam("tenant")
"""`tenant` in a query by target: SQLite would take an index of tenants and read them all."""

inbox = Table(
    "inbox",
    metadata,
    Column("digest", Text, primary_key=True),
    _tenant(),
    Column("incident", Text, nullable=False),
    Column("episode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("alert", Text, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    _partial("inbox_without_incident", "tenant", "episode", where="incident = ''"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("number", Number, primary_key=True),
    _tenant(),
    Column("received_at", Instant, nullable=False),
    Column("size", Integer, nullable=False),
    Column("alerts", Text, nullable=False),
    Column("set_aside", Words, nullable=False, server_default=""),
)
"""Accepted and not sorted yet; `size` counts the alerts, `set_aside` says why it cannot be."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Number, primary_key=True),
    _tenant(),
    _incident(),
    Column("why", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("taken_at", Instant),
    Index("jobs_due", "tenant", "due_at"),
    Index("jobs_of_incident", "incident"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("seq", Number, primary_key=True),
    _tenant(),
    _incident(),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("text", Words, nullable=False),
    Column("data", Shaped(Plain, lenient=True), nullable=False),
    Index("events_of_incident", "incident", "seq"),
    _partial("events_labelled", "tenant", "label", "incident", where="label <> ''"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("incident", Text, ForeignKey("incidents.id"), primary_key=True),
    Column("channel", Text, primary_key=True),
    _tenant(),
    Column("version", Integer, nullable=False),
    Column("delivered", Integer, nullable=False, default=0),
    Column("loud_version", Integer, nullable=False),
    Column("behind_since", Instant, nullable=False),
    Column("external_id", Words),
    Column("tries", Integer, nullable=False, default=0),
    Column("not_before", Instant),
    Column("error", Words, nullable=False, default=""),
    _partial("outbox_behind", "tenant", "channel", "behind_since", where="version > delivered"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("incident", Text, ForeignKey("incidents.id"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body", Shaped(Evidence), nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("target_key", Words, primary_key=True),
    _incident(),
    Column("fence", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Index("claims_of_incident", "incident"),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", Number, primary_key=True),
    _tenant(),
    Column("kind", Text, nullable=False),
    Column("subject", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

intents = Table(
    "intents",
    metadata,
    Column("key", Text, primary_key=True),
    _tenant(),
    _incident(),
    Column("attempt", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("target_key", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seq", Number, ForeignKey("journal.seq"), nullable=False),
    UniqueConstraint("incident", "attempt", "position"),
    Index("intents_on_target", "tenant", "target_key", "at"),
    Index("intents_by_time", "tenant", "at"),
)

calls = Table(
    "calls",
    metadata,
    Column("key", Text, ForeignKey("intents.key"), primary_key=True),
    Column("seq", Number, ForeignKey("journal.seq"), nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("key", Text, ForeignKey("intents.key"), primary_key=True),
    Column("result", Text, nullable=False),
    Column("seq", Number, ForeignKey("journal.seq"), nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("incident", Text, ForeignKey("incidents.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("target_key", Words, primary_key=True),
    _tenant(),
    Column("remedy", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("verdict", Text, nullable=False),
    Index("attempts_on_target", "tenant", "target_key", "at"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("incident", Text, ForeignKey("incidents.id"), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("request", Shaped(Plain), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("answer", Text),
    Column("by", Words, nullable=False, default=""),
    Column("reason", Words, nullable=False, default=""),
    Column("answered_at", Instant),
    Column("closed_at", Instant),
)

pauses = Table(
    "pauses",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("reason", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

latches = Table(
    "latches",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("target_key", Words, primary_key=True),
    _incident(),
    Column("reason", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("cycles", Integer, nullable=False),
    Column("lifted_at", Instant),
)

digests = Table(
    "digests",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("channel", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("grown_at", Instant, nullable=False),
    Column("rang_at", Instant),
    Column("version", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("loud_at", Instant),
    Column("external_id", Words),
    Column("not_before", Instant),
    Index("digests_of_channel", "tenant", "channel", "grown_at"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Number, primary_key=True),
    _tenant(),
    Column("incident", Text, ForeignKey("incidents.id"), nullable=False, unique=True),
    Column("alert_name", Words, nullable=False),
    Column("service", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Shaped(Episode), nullable=False),
    Index("episodes_in_order", "tenant", "id"),
    Index("episodes_of_pattern", "tenant", "alert_name", "service", "kind"),
    sqlite_autoincrement=True,
)

container_events = Table(
    "container_events",
    metadata,
    Column("id", Number, primary_key=True),
    _tenant(),
    Column("target_key", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("action", Words, nullable=False),
    Column("body", Shaped(ContainerEvent), nullable=False),
    UniqueConstraint("tenant", "target_key", "at", "action"),
    Index("container_events_by_time", "tenant", "at"),
)

healthy = Table(
    "healthy",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("target_key", Words, primary_key=True),
    Column("body", Shaped(ContainerFacts), nullable=False),
    Column("at", Instant, nullable=False),
)

model_calls = Table(
    "model_calls",
    metadata,
    Column("key", Text, primary_key=True),
    _tenant(),
    _incident(),
    Column("at", Instant, nullable=False),
    Column("day", Text, nullable=False),
    Column("model", Words, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("settled_at", Instant),
    Index("model_calls_by_day", "tenant", "day"),
    Index("model_calls_of_incident", "incident"),
)
