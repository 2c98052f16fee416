"""`tf.logging`: messages to stderr above a chosen level."""

from __future__ import annotations

import logging as _logging
import sys
from collections import Counter
from typing import Any

DEBUG = _logging.DEBUG
INFO = _logging.INFO
WARN = _logging.WARNING
ERROR = _logging.ERROR
FATAL = _logging.CRITICAL

_seen: Counter[tuple[str, int]] = Counter()


def _logger() -> _logging.Logger:
    logger = _logging.getLogger("tensorflow")
    if not logger.handlers and not _logging.getLogger().handlers:
        handler = _logging.StreamHandler(sys.stderr)
        handler.setFormatter(_logging.Formatter(_logging.BASIC_FORMAT))
        logger.addHandler(handler)
    if logger.level == _logging.NOTSET:
        logger.setLevel(WARN)
    return logger


def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of a level."""
    _logger().log(level, msg, *args, **kwargs)


def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of level DEBUG."""
    _logger().debug(msg, *args, **kwargs)


def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of level INFO."""
    _logger().info(msg, *args, **kwargs)


def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of level WARN."""
    _logger().warning(msg, *args, **kwargs)


warn = warning


def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of level ERROR."""
    _logger().error(msg, *args, **kwargs)


def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of level FATAL; the program goes on."""
    _logger().critical(msg, *args, **kwargs)


def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of a level."""
    _logger().log(level, msg, *args, **kwargs)


def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """Write a message where the condition holds."""
    if condition:
        log(level, msg, *args)


def _count() -> int:
    frame = sys._getframe(2)
    place = (frame.f_code.co_filename, frame.f_lineno)
    _seen[place] += 1
    return _seen[place] - 1


def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Write a message the first `n` times this line is reached."""
    if _count() < n:
        log(level, msg, *args)


def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Write a message every `n`-th time this line is reached."""
    if _count() % n == 0:
        log(level, msg, *args)


def set_verbosity(v: int) -> None:
    """Write messages from this level on."""
    _logger().setLevel(v)


def get_verbosity() -> int:
    return _logger().getEffectiveLevel()


def flush() -> None:
    """Write out what handlers hold back."""
    for handler in _logger().handlers:
        handler.flush()
