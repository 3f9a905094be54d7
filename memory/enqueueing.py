"""Procrastinate's jobs, made in the transaction that makes ours. Not here: running them.

A row of `jobs` says that an incident is to be driven; the job beside it is what wakes a worker,
on whichever host, when it is due (docs/adr/0008).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from procrastinate import SyncPsycopgConnector
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from sqlalchemy import Connection

from domain.errors import Transient
from memory.schema_postgres import raw

TASK = "nightshift.segment"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_MANAGER = JobManager(SyncPsycopgConnector())


def queue_of(tenant: str) -> str:
    """The name of a tenant's queue."""
    return f"nightshift-{tenant}"


def enqueue(connection: Connection, tenant: str, wanted: Sequence[tuple[str, timedelta]]) -> None:
    """A job for each of these incidents, due after so long, in this transaction.

    Raises Transient.

    The incident is the lock: no two of its jobs run at a time. Of the waiting jobs of one lock
    Procrastinate lets only the first of the highest priority run, even if that is due in four
    hours; so the earlier a job is due, the higher its priority, and none waits for a later one.
    """
    now = database_now(connection)
    jobs = [_job(queue_of(tenant), incident, now, delay) for incident, delay in wanted]
    try:
        _MANAGER.batch_defer_jobs(jobs, connection=raw(connection))
    except ProcrastinateException as error:
        raise Transient(f"no job could be queued: {error}") from error


def _job(queue: str, incident: str, now: datetime, delay: timedelta) -> Job:
    due = now + max(delay, timedelta(0))
    return Job(
        queue=queue,
        priority=priority(due),
        lock=incident,
        queueing_lock=None,
        task_name=TASK,
        task_kwargs={"incident": incident},
        scheduled_at=due if due > now else None,
    )


def priority(due: datetime) -> int:
    """The later, the lower; seconds, so that it fits into 32 bits for 68 years."""
    return -max(0, int((due - EPOCH).total_seconds()))


def database_now(connection: Connection) -> datetime:
    """The time by the clock that decides what is due."""
    found = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    assert isinstance(found, datetime)  # noqa: S101  # the column's type
    return found
