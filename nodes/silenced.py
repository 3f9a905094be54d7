"""Has somebody silenced this alert? Asked when evidence is gathered, and again before an act.

Not here: what follows from it (policy/guard.py).
"""

import asyncio

from domain.alert import Alert
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.evidence import Evidence
from domain.plain import Plain
from nodes.story import tell
from nodes.view import View
from policy.silence import covering


async def silences_read(view: View) -> Evidence:
    """Who silenced the alert. Raises NightshiftError where Alertmanager does not say."""
    said = await _said(view.deps, view.alert)
    data: Plain = {"said": said}
    return view.note("silences", "alertmanager", "silences", said or "not silenced", data)


async def silenced_meanwhile(deps: Deps, incident: str, alert: Alert) -> str:
    """Who has silenced it by now; where that cannot be told, the story says so and work goes on.

    Alertmanager may be down for the very reason that is worked on.
    """
    if deps.silences is None:
        return ""
    try:
        async with asyncio.timeout(deps.limits.evidence_deadline_s):
            return await _said(deps, alert)
    except (TimeoutError, NightshiftError) as error:
        why = f"nobody can say whether it is silenced: {error or 'no answer in time'}"
        await tell(deps, incident, "evidence", why)
        return ""


async def _said(deps: Deps, alert: Alert) -> str:
    if deps.silences is None:
        raise NightshiftError("no ALERTMANAGER_URL is set")
    return covering(await deps.silences.active(), alert.labels)
