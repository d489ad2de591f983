"""URLs of databases: any path, and no password."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ax_mo.core.urls import is_redacted, redacted, redacted_words, sqlite_url, with_absolute_path
from ax_mo.errors import ConfigError


@pytest.mark.parametrize("name", ["plain", "q?1", "p%41", "a b#c&d=e", "ü@x:y", "%3F"])
def test_sqlite_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if "?" in name and sa.__version__.startswith("1."):
        with pytest.raises(ConfigError, match="without a question mark, or SQLAlchemy 2"):
            sqlite_url(path)
        return
    engine = sa.create_engine(sqlite_url(path), future=True)
    with engine.begin() as connection:
        connection.execute(sa.text("create table t (x integer)"))
    engine.dispose()
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pw@host/db", "postgresql://u:***@host/db"),
        ("postgresql+psycopg://u:p%40w@host:5/db/name", "postgresql+psycopg://u:***@host:5/db/name"),
        ("postgresql://u:sec@ret@host/db/x", "postgresql://u:***@host/db/x"),
        ("postgresql://u:sec/ret@host/db", "postgresql://u:***@host/db"),
        ("postgresql://u@host/db?password=pw&a=b", "postgresql://u@host/db?password=***&a=b"),
        ("postgresql://u:@host/db", "postgresql://u:@host/db"),
        ("postgresql://u@host/db/a:b@c", "postgresql://u@host/db/a:b@c"),
        ("sqlite:////data/study.db/job:/data/x", "sqlite:////data/study.db/job:/data/x"),
    ],
)
def test_password_is_hidden_and_nothing_else(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert is_redacted(shown) == ("***" in shown)


def test_only_words_that_name_databases_are_touched() -> None:
    words = [
        "url=http://a:b@c/d",
        "hydra.sweeper.storage='postgresql://u:pw@h/d'",
        "++hydra.sweeper.warm_start=[x://u:p@h]",
    ]
    assert redacted_words(["hydra.sweeper.storage='x://u:${oc.env:PW}@h/d'"]) == [
        "hydra.sweeper.storage='x://u:${oc.env:PW}@h/d'"
    ]
    assert redacted_words(words) == [
        "url=http://a:b@c/d",
        "hydra.sweeper.storage='postgresql://u:***@h/d'",
        "++hydra.sweeper.warm_start=[x://u:***@h]",
    ]


def test_relative_database_is_the_same_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_absolute_path("sqlite:///data/a.db") == f"sqlite:///{tmp_path}/data/a.db"
    for url in ("sqlite:////data/a.db", "sqlite://", "postgresql://u@h/d", "no url"):
        assert with_absolute_path(url) == url
