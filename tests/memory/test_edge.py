import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.episodes import entry, made, question
from domain.errors import Transient
from memory.edge import EdgeIndex, IndexLost

STORING = """
import sys
from pathlib import Path
from benchmarks.episodes import entry, made
from memory.edge import EdgeIndex

index = EdgeIndex(Path(sys.argv[1]), name="lexical-1", dim=512)
for number in range(100_000):
    index.put([entry(made(number))])
    print(number, flush=True)
"""
HOLDING = STORING.replace("range(100_000)", "range(1)") + "sys.stdin.read()\n"


def _open(folder: Path, name: str = "lexical-1", dim: int = 512) -> EdgeIndex:
    return EdgeIndex(folder, name=name, dim=dim)


def _child(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={"PYTHONPATH": "."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _filled(folder: Path) -> Path:
    index = _open(folder)
    index.put([entry(made(number)) for number in range(20)])
    index.close()
    return index.folder


def _ruin(folder: Path) -> None:
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.write_bytes(b"not an index")


def test_kill_9_loses_no_stored_episode(tmp_path: Path) -> None:
    """Every `put` that returned before the kill is there after it."""
    with _child(STORING, tmp_path) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(25)]
        child.send_signal(signal.SIGKILL)
        last = int(([*said, *child.stdout.readlines()])[-1])
    index = _open(tmp_path)
    missing = index.missing([made(number).incident for number in range(last + 1)])
    index.close()

    assert last >= 24
    assert missing == set()


def test_another_process_is_kept_out_and_not_disturbed(tmp_path: Path) -> None:
    """The second to open is told so; when the first is gone it gets in, and finds everything."""
    with _child(HOLDING, tmp_path) as child:
        assert child.stdout is not None
        child.stdout.readline()
        index = _open(tmp_path)
        with pytest.raises(Transient, match="another process holds"):
            index.count()
        child.communicate("")

    assert index.count() == 1
    index.close()


def test_a_ruined_folder_is_set_aside_and_a_new_index_starts(tmp_path: Path) -> None:
    """Corruption costs the index, never the incident; the ruins are kept to look at."""
    folder = _filled(tmp_path)
    _ruin(folder)
    index = _open(tmp_path)
    index.put([entry(made(1))])

    assert index.count() == 1
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1
    index.close()


def test_only_the_newest_ruins_are_kept(tmp_path: Path) -> None:
    """An index that keeps breaking does not fill the disk."""
    for _ in range(3):
        _ruin(_filled(tmp_path))

    _filled(tmp_path)

    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1


def test_damage_found_while_reading_is_told_and_ends(tmp_path: Path) -> None:
    """The question that meets the damage fails; the next one has a new, empty index."""
    folder = _filled(tmp_path)
    for vectors in folder.rglob("chunk_0.mmap"):
        vectors.write_bytes(b"")
    index = _open(tmp_path)

    with pytest.raises(IndexLost, match="starts anew"):
        index.search(question("down"), limit=3)
    assert index.count() == 0
    index.close()


def test_a_panic_of_the_engine_is_an_ordinary_error(tmp_path: Path) -> None:
    """The engine's panics are no `Exception`; they must not end the process."""
    folder = _filled(tmp_path)
    for status in folder.rglob("status.dat"):
        status.write_bytes(b"")
    index = _open(tmp_path)

    assert index.count() == 0
    index.close()


def test_another_model_has_an_index_of_its_own(tmp_path: Path) -> None:
    """Vectors of two models, or two sizes, never meet; the way back keeps what was there."""
    _filled(tmp_path)
    counts = []
    for name, dim in (("lexical-2", 512), ("lexical-1", 256), ("lexical-1", 512)):
        index = _open(tmp_path, name, dim)
        counts.append(index.count())
        index.close()

    assert counts == [0, 0, 20]


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A file where the folder should be: a sentence, not a traceback of the system."""
    (tmp_path / "index").write_text("")

    with pytest.raises(Transient, match="cannot be used"):
        _open(tmp_path / "index").count()


def test_a_folder_deleted_under_a_closed_index_starts_anew(tmp_path: Path) -> None:
    """Deleting the index is the documented way to rebuild it."""
    shutil.rmtree(_filled(tmp_path))
    index = _open(tmp_path)

    assert index.count() == 0
    index.close()


def test_the_engine_is_imported_when_first_used() -> None:
    """A process that has not asked memory yet does not carry the engine."""
    code = "import memory.edge, memory.learned, sys; sys.exit('qdrant_edge' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "."}, check=False)

    assert done.returncode == 0
