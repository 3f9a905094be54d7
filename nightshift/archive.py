"""Database, checkpoints and memory in one file, and back. Not here: the command line.

What was learned is the ledger's episodes. The index over them is left out: one process can hold
its files, so that beside a running service they could only be copied torn, and it is filled
from the ledger to the same answers.
"""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from domain.errors import BadConfiguration, Conflict, Permanent, Transient
from memory.backup import copy_store
from memory.opening import FILE, is_server
from nightshift.checkpoints import CHECKPOINTS
from nightshift.manifest import Manifest, Member, describe, understood
from nightshift.web.auth import TOKEN_FILE

MANIFEST = "manifest.json"
KNOWN = (FILE, CHECKPOINTS, TOKEN_FILE)
"""What an archive may hold; whatever else is in one is not taken out."""
CHUNK = 1024**2


def back_up(
    place: Path | str, to: Path, *, by: str, at: datetime, with_token: bool = False
) -> Manifest:
    """Write one archive of the data directory while its service works, for this user alone.

    Raises BadConfiguration (there is no store, or it is on a server), Conflict (there is something
    at `to`), Transient (the disk). Blocks.
    """
    folder = _folder(place)
    if to.exists():
        raise Conflict(f"{str(to)!r} is there already: a backup overwrites nothing")
    with _told(f"no backup at {str(to)!r}"), _beside(to) as room:
        copies = _copied(folder, room, with_token=with_token)
        manifest = describe(
            copies[FILE],
            copies.get(CHECKPOINTS),
            by=by,
            at=at,
            members={name: _member(path) for name, path in copies.items()},
        )
        _pack(to, manifest, copies)
    return manifest


def unpack(archive: Path, into: Path) -> Manifest:
    """Check an archive and put what it holds into an empty or new directory.

    Raises BadConfiguration (the directory is not empty, a newer Nightshift's archive), Permanent
    (no archive of ours, or a damaged one), Transient (the disk). Blocks.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadConfiguration(
            f"{str(into)!r} is not empty, and a restore overwrites nothing: name another directory "
            "with --data-dir, or stop the service and move this one away"
        )
    with _told(f"{str(archive)!r} was not restored"):
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        into.chmod(0o700)
        with tempfile.TemporaryDirectory(dir=into, prefix=".restoring-") as room:
            manifest = _taken_out(archive, Path(room))
            for name in reversed([one for one in KNOWN if one in manifest.members]):
                (Path(room) / name).rename(into / name)  # the store last: without it nothing starts
    return manifest


def must_be_ours(place: Path | str) -> None:
    """A server's own tools copy what it keeps. Raises BadConfiguration."""
    if is_server(place):
        raise BadConfiguration(
            "the database is a PostgreSQL server's, and holds checkpoints and what was learned "
            "too: back it up with pg_dump --format=custom --file=nightshift.dump DATABASE_URL, and "
            "bring it back with pg_restore --clean --if-exists -d DATABASE_URL nightshift.dump"
        )


def _folder(place: Path | str) -> Path:
    must_be_ours(place)
    folder = Path(place)
    if not (folder / FILE).exists():
        raise BadConfiguration(
            f"there is no store in {str(folder)!r}: set NIGHTSHIFT_DATA_DIR to where the service "
            "keeps its data, or give --data-dir"
        )
    return folder


def _copied(folder: Path, room: Path, *, with_token: bool) -> dict[str, Path]:
    """Checkpoints first: a checkpoint that knows less than the journal is what a crash leaves."""
    copies: dict[str, Path] = {}
    for name in (CHECKPOINTS, FILE):
        if (folder / name).exists():
            copy_store(folder / name, room / name)
            copies[name] = room / name
    if with_token and (folder / TOKEN_FILE).exists():
        shutil.copyfile(folder / TOKEN_FILE, room / TOKEN_FILE)
        copies[TOKEN_FILE] = room / TOKEN_FILE
    return copies


def _pack(path: Path, manifest: Manifest, copies: dict[str, Path]) -> None:
    """The manifest, then the files; on the disk when this returns, or not there at all."""
    body = manifest.model_dump_json(indent=2).encode()
    with ExitStack() as undo:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        undo.callback(path.unlink)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
                first = tarfile.TarInfo(MANIFEST)
                first.size, first.mode = len(body), 0o600
                archive.addfile(first, io.BytesIO(body))
                for name, copy in copies.items():
                    archive.add(copy, arcname=name, recursive=False, filter=_nobodys)
            file.flush()
            os.fsync(file.fileno())
        undo.pop_all()


def _nobodys(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of this machine's users."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


def _taken_out(archive: Path, room: Path) -> Manifest:
    with tarfile.open(archive, mode="r:gz") as packed:
        first = packed.next()
        body = packed.extractfile(first) if first and first.name == MANIFEST else None
        if body is None:
            raise Permanent(f"{str(archive)!r} is no backup of Nightshift: it has no manifest")
        manifest = understood(body.read(CHUNK), archive)
        for info in packed:
            if info.isreg() and info.name in KNOWN and info.name in manifest.members:
                _take(packed, info, room / info.name)
    for name, member in manifest.members.items():
        if name in KNOWN and not ((room / name).exists() and _member(room / name) == member):
            raise Permanent(
                f"{str(archive)!r} is damaged: {name} is not what its manifest says; "
                "nothing was restored, take another backup"
            )
    if FILE not in manifest.members:
        raise Permanent(f"{str(archive)!r} holds no store")
    return manifest


def _take(packed: tarfile.TarFile, info: tarfile.TarInfo, to: Path) -> None:
    source = packed.extractfile(info)
    if source is None:
        return
    with source, to.open("xb") as file:
        to.chmod(0o600)
        shutil.copyfileobj(source, file, CHUNK)
        file.flush()
        os.fsync(file.fileno())


def _member(path: Path) -> Member:
    with path.open("rb") as file:
        return Member(
            sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size
        )


@contextmanager
def _beside(to: Path) -> Iterator[Path]:
    """A private place on the same disk: there has to be room for a copy there anyway."""
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".nightshift-backup-") as room:
        yield Path(room)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """What the disk and the archive's format say, as ours."""
    try:
        yield
    except FileExistsError as error:
        raise Conflict(f"{doing}: {error.filename or error} is there already") from error
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise Permanent(f"{doing}: it is damaged, or no backup ({error})") from error
    except OSError as error:
        raise Transient(f"{doing}: {error.strerror or error}") from error
