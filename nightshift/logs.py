"""Logging: structlog over the standard library, one line an event, secrets cut out.

Not here: what is logged, or metrics.
"""

import logging
import re
import sys
from collections.abc import Iterable

import structlog
from pydantic import BaseModel, SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from domain.errors import BadConfiguration
from policy.redact import MASK, without_secrets

SHORTEST_SECRET = 6
"""Shorter values are not looked for in free text: they would blot out ordinary words."""

_NAMES = re.compile(r"(?i)(password|passwd|secret|token|api_?key|authorization|credential)")


def secrets_of(settings: BaseModel) -> list[str]:
    """The values of all secret settings, and the halves of `user:password` ones."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    parts = [secret.partition(":")[2] for secret in secrets if ":" in secret]
    return [secret for secret in [*secrets, *parts] if len(secret) >= SHORTEST_SECRET]


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with known secrets and everything shaped like one replaced by a mask."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return without_secrets(text)


def redactor(secrets: Iterable[str]) -> Processor:
    """A structlog processor that redacts every string of an event, nested ones too."""
    known = tuple(secrets)

    def clean(value: object) -> object:
        if isinstance(value, str):
            return redact(value, known)
        if isinstance(value, dict):
            return {key: MASK if _NAMES.search(str(key)) else clean(v) for key, v in value.items()}
        return [clean(item) for item in value] if isinstance(value, list | tuple) else value

    def process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {key: MASK if _NAMES.search(key) else clean(v) for key, v in event.items()}

    return process


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line once more: tracebacks are text only by then."""

    def __init__(self, known: tuple[str, ...], renderer: Processor, shared: list[Processor]):
        finish: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
        super().__init__(processors=[*finish, renderer], foreign_pre_chain=shared)
        self.known = known

    def format(self, record: logging.LogRecord) -> str:
        """The line, without secrets."""
        return redact(super().format(record), self.known)


def setup(*, level: str = "INFO", as_json: bool = False, secrets: Iterable[str] = ()) -> None:
    """Send everything to stderr: one line of text, or of JSON.

    Raises BadConfiguration when there is no such level.
    """
    known = tuple(secrets)
    if level.upper() not in logging.getLevelNamesMapping():
        raise BadConfiguration(f"NIGHTSHIFT_LOG_LEVEL: {level!r} is none of DEBUG, INFO, WARNING")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redactor(known),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(known, _renderer(as_json), shared))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _quieten()


def _renderer(as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _quieten() -> None:
    """Libraries log every request, some with a token in its address."""
    for name in ("httpx", "httpcore", "urllib3", "docker", "telegram", "sse_starlette"):
        logging.getLogger(name).setLevel(logging.WARNING)
