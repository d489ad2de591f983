"""Where a study is: what people call it by, and the database that this means."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ax_mo.core.urls import is_redacted, redacted, sqlite_url
from ax_mo.errors import AxMoError, ConfigError
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.dump import read_dump
from ax_mo.storage.store import read_studies
from ax_mo.storage.sweep_directory import STUDY


@dataclass(frozen=True)
class Location:
    """A sweep directory, or a database and a study's name in it."""

    label: str
    """What to call it in a message."""
    url: str
    study: str | None
    """Its name; None where the database has to be looked at, which may hold one or several."""
    directory: Path | None
    """Where the trials are, unless the study itself says; None for a server."""

    def place_of(self, study: StoredStudy) -> Path:
        """Where the study's trials are. A sweep directory's own database moves with it, and says nothing of that."""
        return Path(study.sweep_dir) if study.sweep_dir or self.directory is None else self.directory

    def studies(self) -> list[StoredStudy]:
        """The study, or all of the database where none was named. Raises AxMoError when there is none."""
        found = read_studies(self.url, self.study)
        if found:
            return found
        if self.study is None:
            raise AxMoError(f"{self.label} holds no study.")
        others = [study.name for study in read_studies(self.url)]
        listed = f" It holds: {', '.join(others)}." if others else " It holds none."
        raise AxMoError(f"{redacted(self.url)} holds no study '{self.study}'.{listed}")

    def the_study(self) -> StoredStudy:
        """Raises AxMoError when there is none, or several among which one must be named."""
        studies = self.studies()
        if len(studies) > 1:
            names = ", ".join(study.name for study in studies)
            url = redacted(self.url)
            raise AxMoError(f"{self.label} holds several studies: {names}. Name one, such as {url}/{studies[0].name}")
        return studies[0]


def locate(origin: str, key: str = "") -> Location:
    """Find the study that ``origin`` names: a sweep directory, a SQLite file, or ``<SQLAlchemy URL>/<study name>``.

    Raises ConfigError, which begins with ``key``, when there is none.
    """
    if "://" in origin:
        url, name, directory = _split(origin, key)
        return Location(redacted(origin), url, name or None, directory)
    path = whole_path(origin)
    if path.is_file():
        return Location(str(path), sqlite_url(path), None, path.parent)
    if (path / STUDY).is_file():
        return Location(str(path), sqlite_url(path / STUDY), None, path)
    dump = read_dump(path)
    if dump is not None and dump.storage is not None:
        source = f"{dump.storage}/{dump.study.name}"
        if is_redacted(dump.storage):
            raise ConfigError(f"{key}{path} is of a study that is in {source}; name that URL, with its password.")
        return locate(source, key)
    raise ConfigError(
        f"{key}{path} holds no {STUDY}. Name the sweep directory of a study, or its database and name as "
        "<storage>/<study_name>, such as sqlite:////data/studies.db/nas."
    )


def whole_path(text: str) -> Path:
    """A path as somebody typed it, absolute and without ``..``."""
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  links are kept as given


def _split(text: str, key: str) -> tuple[str, str, Path | None]:
    """``<storage>/<study_name>`` and a SQLite file's directory: a name may hold slashes, a server's database may not.

    After a URL's ``?host=...`` a name holds none, for the value may.
    """
    scheme, _, rest = text.partition("://")
    if not scheme.startswith("sqlite"):
        server, mark, query = rest.partition("?")
        parts = server.split("/")
        name = "/".join(parts[2:])
        if mark and not name:
            query, _, name = query.rpartition("/")
        return f"{scheme}://{'/'.join(parts[:2])}{mark}{query}", name, None
    parts = rest.split("/")
    for length in range(2, len(parts) + 1):
        path = Path(unquote("/".join(parts[1:length])))
        if path.is_file():
            return sqlite_url(path).replace("sqlite", scheme, 1), "/".join(parts[length:]), path.absolute().parent
    raise ConfigError(f"{key}there is no database in '{redacted(text)}'.")
