"""The one JSON object of an incident."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from domain.diagnosis import Diagnosis
from domain.incident import Incident
from nightshift import views

Make = Callable[..., Incident]
CAUSE = Diagnosis(cause="crash", summary="it died", evidence=["logs@1"], decided_by="runbook")


async def test_it_is_json_and_cites_its_evidence(books: Any, make_incident: Make) -> None:
    """What proves the diagnosis is there, by query and summary."""
    books.rows["a"] = make_incident("a", diagnosis=CAUSE)

    seen = json.loads(json.dumps(await views.one(books, "a")))

    assert seen["evidence"][0]["query"] == "GET /logs"
    assert seen["evidence"][0]["id"] in seen["diagnosis"]["evidence"]


async def test_raw_log_text_stays_in_the_ledger(books: Any, make_incident: Make) -> None:
    """Logs hold secrets; what people are shown is the summary."""
    books.rows["a"] = make_incident("a", diagnosis=CAUSE)

    assert "hunter2" not in json.dumps(await views.one(books, "a"))


def test_how_long_it_took(make_incident: Make) -> None:
    """Seconds from opening to end; none while it is open."""
    open_one = make_incident("a")
    end = open_one.opened_at + timedelta(seconds=4.5)

    assert views.brief(open_one)["resolution_s"] is None
    assert views.brief(open_one.model_copy(update={"closed_at": end}))["resolution_s"] == 4.5
