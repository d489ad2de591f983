"""URLs of databases: SQLite's own files, and what of a URL may be shown."""

import re
from pathlib import Path

from ax_mo.errors import ConfigError

HIDDEN = "***"
"""Stands for a password."""

# Up to the last @ before the host; one that holds a slash as it is ends at the first @. An interpolation is none.
_PASSWORD = re.compile(r"([\w+]+://[^:/@?\s]*):(?!\$\{[^}@]*\}@)(?:[^/\s]+@|[^@\s]+@)")
_PARAMETER = re.compile(r"([?&]password=)[^&\s'\"]*")

# Settings in which a database may be named.
_WITH_URL = re.compile(r"\+{0,2}hydra\.sweeper\.(?:storage|warm_start)\b")


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever characters its path has. Raises ConfigError where SQLAlchemy has none."""
    import sqlalchemy as sa  # not at the top: launchers need nothing of it

    url = sa.engine.URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
    if sa.engine.make_url(url).database != str(path):  # 1.4 ends it at a question mark
        raise ConfigError(
            f"SQLAlchemy {sa.__version__} cannot open a file in {path.parent}: choose a hydra.sweep.dir without a "
            "question mark, or SQLAlchemy 2."
        )
    return url


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for other databases, and those in memory."""
    import sqlalchemy as sa

    parsed = sa.engine.make_url(url)
    path = parsed.database
    is_file = parsed.get_backend_name() == "sqlite" and path and not path.startswith((":", "file:"))
    return Path(path) if is_file and path else None


def with_absolute_path(url: str) -> str:
    """The same database, from wherever it is opened."""
    import sqlalchemy as sa

    try:
        path = sqlite_path(url)
    except (sa.exc.ArgumentError, ValueError):
        return url
    if path is None or path.is_absolute():
        return url
    return sa.engine.make_url(url).set(database=str(path.absolute())).render_as_string(hide_password=False)


def redacted(url: str) -> str:
    """The URL without its password."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}@", url))


def is_redacted(url: str) -> bool:
    """Whether a URL has ``***`` where its password belongs."""
    return f":{HIDDEN}@" in url or f"password={HIDDEN}" in url


def redacted_words(words: list[str]) -> list[str]:
    """A command's words without the passwords of the databases that it names."""
    return [redacted(word) if _WITH_URL.match(word) else word for word in words]
