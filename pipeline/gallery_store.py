"""Where the keep-list is kept: SQLite under DB/local, or PostgreSQL where a URL names one.

What `add` and `remove` returned from is on the disk: each is one transaction, which a kill undoes
as a whole. Writers wait for each other. The schema is brought up to date when it is opened.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ForeignKey,
    String,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    exc,
    func,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from matcher.gallery import Gallery
from pipeline.contract import Floats
from pipeline.errors import GalleryError
from pipeline.gallery_place import FILE, VARIABLE
from pipeline.gallery_types import Features
from pipeline.weights import DB

LONGEST_NAME: Final = 200
_PATIENCE: Final = 60  # s that a writer waits for another
_LOCK: Final = 7_310_585_044_198  # of the migrations, in PostgreSQL
_DRIVER: Final = "postgresql+psycopg"


class BASE(DeclarativeBase):
    """The tables as they are now; migrations/versions tells how they came to be."""


class People(BASE):
    """A person on the keep-list."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)


class Looks(BASE):
    """What one picture tells of a person; the picture itself is not kept."""

    __tablename__ = "looks"
    __table_args__ = (UniqueConstraint("person", "extractor", "digest", name="one_look_a_picture"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    extractor: Mapped[str] = mapped_column(String(200))
    features: Mapped[Any] = mapped_column(Features)
    digest: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(LONGEST_NAME))


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One picture of a person: its features (d,), the sha256 of its file, and its file's name."""

    features: Floats
    digest: str
    label: str


class GalleryStore:
    """A keep-list that stays. Every method raises GalleryError where the database fails."""

    def __init__(self, place: str = "", db: Path = DB) -> None:
        """`place` is a URL, or a file of SQLite; without one, that in the folder `db`."""
        self._url = _url(place, db)
        self._engine = _engine(self._url)
        try:
            with self._writing() as connection:
                _upgrade(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def add(self, name: str, looks: list[Look], extractor: str) -> int:
        """Put pictures of a person in; how many were new. All of them, or on an error none."""
        with self._writing() as connection:
            person = connection.scalar(select(People.id).where(People.name == name))
            if person is None:
                person = connection.scalar(insert(People).values(name=name).returning(People.id))
            own = (Looks.person == person) & (Looks.extractor == extractor)
            known = set(connection.scalars(select(Looks.digest).where(own)))
            new = {look.digest: look for look in looks if look.digest not in known}
            for look in new.values():
                row = {"features": look.features, "digest": look.digest, "label": look.label}
                connection.execute(insert(Looks).values(person=person, extractor=extractor, **row))
        return len(new)

    def remove(self, name: str) -> None:
        """Forget a person and all that is known of them."""
        with self._writing() as connection:
            person = self._person(connection, name)
            connection.execute(delete(Looks).where(Looks.person == person))
            connection.execute(delete(People).where(People.id == person))

    def people(self) -> list[tuple[str, int]]:
        """Everybody's name, and of how many pictures they are known, by name."""
        with self._reading() as connection:
            rows = connection.execute(
                select(People.name, func.count(Looks.id))
                .outerjoin(Looks, Looks.person == People.id)
                .group_by(People.name)
            )
            return sorted((name, count) for name, count in rows)

    def gallery(self, extractor: str, names: list[str] | None = None) -> Gallery:
        """Those called `names`, or everybody, as `extractor` describes them.

        Raises GalleryError where one is not there or not known to it: nobody is missed silently.
        """
        with self._reading() as connection:
            for name in names or []:
                self._person(connection, name)
            everybody = connection.scalars(select(People.name).order_by(People.name))
            wanted = tuple(everybody if names is None else dict.fromkeys(names))
            rows = connection.execute(
                select(People.name, Looks.features, Looks.label)
                .join(Looks, Looks.person == People.id)
                .where(Looks.extractor == extractor, People.name.in_(wanted))
                .order_by(Looks.id)
            ).all()
        missing = sorted(set(wanted) - {name for name, _, _ in rows})
        if missing:
            raise GalleryError(
                f"{missing[0]!r} was put on the keep-list with another extractor than "
                f"{extractor.partition(' ')[0]}: add their pictures with this one too"
            )
        return _gallery(wanted, [tuple(row) for row in rows])

    @staticmethod
    def _person(connection: Connection, name: str) -> int:
        found = connection.scalar(select(People.id).where(People.name == name))
        if found is None:
            known = ", ".join(connection.scalars(select(People.name).order_by(People.name)))
            raise GalleryError(
                f"nobody called {name!r} is on the keep-list; on it: {known or 'nobody'}"
            )
        return found

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._telling(), self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._telling(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except exc.SQLAlchemyError as error:
            first = str(getattr(error, "orig", None) or error).strip().splitlines()
            why = first[0] if first else type(error).__name__
            raise GalleryError(f"the keep-list {_shown(self._url)} cannot be used: {why}") from None


def _gallery(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Gallery:
    sizes = {len(features) for _, features, _ in rows}
    if len(sizes) > 1:
        raise GalleryError(
            f"the keep-list is damaged: features of {sorted(sizes)} numbers; remove its people and "
            "add them again"
        )
    stacked = np.stack([row[1] for row in rows]) if rows else np.zeros((0, 1), np.float32)
    persons = np.array([names.index(row[0]) for row in rows], np.int64)
    return Gallery(names, stacked, persons, tuple(row[2] for row in rows))


def _url(place: str, db: Path) -> URL:
    place = place or os.environ.get(VARIABLE, "") or str(db / FILE)
    if "://" not in place:
        return URL.create("sqlite", database=str(Path(place).absolute()))
    try:
        url = make_url(place)
    except (exc.ArgumentError, ValueError):
        raise GalleryError(
            "--gallery is no URL of a database; such a one is postgresql://user@host/name"
        ) from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername=_DRIVER)
    if url.drivername not in {"sqlite", _DRIVER}:
        raise GalleryError(f"--gallery knows sqlite:// and postgresql://, got {url.drivername}://")
    if url.drivername == "sqlite" and not url.database:
        raise GalleryError("--gallery sqlite:// needs a file, as sqlite:///people.sqlite")
    return url


def _engine(url: URL) -> Engine:
    if url.drivername == "sqlite":
        _make_private(Path(str(url.database)), url)
        engine = create_engine(url, connect_args={"timeout": _PATIENCE})
        event.listen(engine, "connect", _careful)
        event.listen(engine, "begin", _at_once)
        return engine
    try:
        return create_engine(url, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError:
        raise GalleryError(
            "a keep-list in PostgreSQL needs its driver: pip install 'psycopg[binary]' into the "
            "environment (.venv/bin/python -m pip)"
        ) from None


def _make_private(file: Path, url: URL) -> None:
    """Features tell who somebody is: the file is its owner's only."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise GalleryError(
            f"the keep-list {_shown(url)} cannot be used: {error.strerror}"
        ) from None


def _careful(connection: Any, _: Any) -> None:
    """SQLAlchemy begins transactions, not Python's sqlite3, which knows of no tables in them."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # who was removed is gone from the file too


def _at_once(connection: Connection) -> None:
    """Writers queue up here and not in the middle, where one of them would have to give up."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection) -> None:
    """Bring the schema up to date, in the transaction that holds everybody else off."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise GalleryError(
            "the keep-list was written by a newer version of this program, or is none of its "
            f"({error}): update the program"
        ) from None


def _shown(url: URL) -> str:
    """Without the password."""
    return str(url.database) if url.drivername == "sqlite" else url.render_as_string()
