"""`nightshift bench model`. Not here: how it is measured (lab/model_bench.py)."""

from typing import TYPE_CHECKING

import typer

from nightshift.cli.bench.running import run
from nightshift.cli.printing import AsJson

if TYPE_CHECKING:
    from lab.model_bench import ModelReport


def model(json: AsJson = False) -> None:
    """Calls, tokens and dollars an incident with LLM_MODE=always, against a stand-in.

    In a simulated world: no Docker, no key, no network.
    """
    import logging

    import structlog

    from lab.model_bench import measure

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found = run(measure, beginning="breaking a simulated world")
    typer.echo(found.model_dump_json(indent=2) if json else _costs(found))


def _costs(report: "ModelReport") -> str:
    lines = [f"{'fault':<16}{'runbooks':<10}{'decided by':<12}calls  prompt  written   dollars"]
    for row in report.incidents:
        told = f"{row.fault:<16}{'yes' if row.runbooks else 'no':<10}{row.decided_by:<12}"
        counts = f"{row.calls:>5}  {row.prompt_tokens:>6}  {row.completion_tokens:>7}"
        lines.append(f"{told}{counts}  {row.dollars:.6f}")
    most = f"at most {report.calls} calls and {report.prompt_tokens} prompt tokens an incident"
    return "\n".join([*lines, f"{most}; ${report.dollars_per_100:.4f} for 100 incidents"])
