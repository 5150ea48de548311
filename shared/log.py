"""Logs: JSON lines, or console on a terminal; static event names with bound keywords.

Keys that may carry personal data or texts are dropped by the last processor, whatever a caller binds.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_NEVER = frozenset(
    {"title", "body", "summary", "address", "email", "token", "key", "password", "data", "content"}
)


def _drop_content(
    _logger: Any, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in _NEVER.intersection(fields):
        del fields[name]
    return fields


def configure(*, level: str = "INFO") -> None:
    """Set up structlog for this process; called once, by the program."""
    console = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _drop_content,
            structlog.dev.ConsoleRenderer()
            if console
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
