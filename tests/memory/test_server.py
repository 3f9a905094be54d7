import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.episodes import ListedEpisodes, entry, made, question
from domain.errors import Transient
from memory.edge import IndexLost
from memory.embeddings import LexicalEmbeddings
from memory.learned import LearnedMemory
from memory.server import ServerIndex, collection_name
from tests.qdrant import QdrantStandIn, qdrant_standin


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    """A server without collections."""
    with qdrant_standin() as standin:
        yield standin


@pytest.fixture
def index(server: QdrantStandIn) -> Iterator[ServerIndex]:
    """An index on it that waits a second."""
    made_here = ServerIndex(server.url, name="lexical-1", dim=512, api_key="sesame", timeout_s=1)
    yield made_here
    made_here.close()


def test_the_start_asks_nothing(server: QdrantStandIn, index: ServerIndex) -> None:
    """A server that is away cannot keep the service from starting."""
    assert index.collection
    assert server.seen == []


def test_a_question_is_two_requests(server: QdrantStandIn, index: ServerIndex) -> None:
    """Candidates, then their scores: no more round trips, however many there are."""
    index.put([entry(made(number)) for number in range(20)])
    before = len(server.seen)
    index.search(question("Container Down; redis"), limit=5)

    assert [path.rpartition("/points")[2] for _, path in server.seen[before:]] == [
        "/query/batch",
        "/query/batch",
    ]


def test_the_key_is_sent(server: QdrantStandIn, index: ServerIndex) -> None:
    """With every request, over plain HTTP too."""
    index.count()

    assert server.keys == {"sesame"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "answers 401; is QDRANT_API_KEY right"),
        (404, "answers 404"),
        (429, "is busy"),
        (500, "answers 500"),
    ],
)
def test_what_the_server_refuses_is_told(
    server: QdrantStandIn, index: ServerIndex, status: int, said: str
) -> None:
    """A sentence with the status, without the key; the next call is tried as if nothing was."""
    server.answers = [status]
    with pytest.raises(Transient, match=said) as caught:
        index.count()

    assert not isinstance(caught.value, IndexLost)
    assert "sesame" not in str(caught.value)
    assert index.count() == 0


def test_a_busy_server_says_when_to_come_back(server: QdrantStandIn, index: ServerIndex) -> None:
    """Its Retry-After is handed on."""
    server.answers = [429]
    with pytest.raises(Transient) as caught:
        index.count()

    assert caught.value.retry_after == 7.0


def test_a_server_that_hangs_costs_the_time_limit(
    server: QdrantStandIn, index: ServerIndex
) -> None:
    """One second here, and no longer; the incident goes on without memory."""
    server.answers = [0]
    with pytest.raises(Transient, match="gives no answer: ReadTimeout"):
        index.count()


def test_a_server_that_is_away_is_told() -> None:
    """Nobody listens: Transient, as everything of an index."""
    away = ServerIndex("http://127.0.0.1:9", name="lexical-1", dim=512, timeout_s=1)

    with pytest.raises(Transient, match="gives no answer: ConnectError"):
        away.search(question("down"), limit=3)
    away.close()


def test_another_server_s_answer_is_no_crash(server: QdrantStandIn, index: ServerIndex) -> None:
    """A payload that is no episode is Transient too."""
    index.put([entry(made(1))])
    server.truth.overwrite_payload(index.collection, {"page_content": "x"}, [made(1).incident])

    with pytest.raises(Transient, match="disagree"):
        index.search(question("down"), limit=3)


async def test_a_collection_deleted_under_it_is_filled_again(
    server: QdrantStandIn, index: ServerIndex
) -> None:
    """The ledger is the truth: one question fails, the next refill brings everything back."""
    episodes = [made(number) for number in range(5)]
    memory = LearnedMemory(index, LexicalEmbeddings(), ListedEpisodes(episodes))
    await memory.refill()
    server.truth.delete_collection(index.collection)
    with pytest.raises(IndexLost):
        await memory.similar("Container Down", limit=3)

    assert await memory.refill() == 5
    assert await memory.similar("Container Down", limit=3)
    await memory.close()


def test_another_process_that_creates_it_first_is_no_error(
    server: QdrantStandIn, index: ServerIndex
) -> None:
    """Two services of one tenant start at once: both come to use the same collection."""
    index.put([entry(made(1))])
    second = ServerIndex(server.url, name="lexical-1", dim=512)
    server.blind = True

    assert second.count() == 1
    second.close()


def test_tenants_and_models_have_collections_of_their_own() -> None:
    """No two of them share a name, whatever characters they are called by."""
    names = [("a", "b"), ("a__b", "c"), ("a", "b__c"), ("a/b", "c"), ("a?b", "c"), ("x" * 300, "c")]
    made_of = {collection_name(tenant, name, 512) for tenant, name in names}

    assert len(made_of) == len(names)
    assert all(len(each) < 256 and not set(each) & set('/\\?*<>:"|') for each in made_of)
    assert collection_name("home", "lexical-1", 512) == "nightshift__home__lexical-1-512-v1"


def test_the_client_is_imported_when_first_used() -> None:
    """A service without QDRANT_URL does not carry LangChain's store."""
    code = "import memory.server, sys; sys.exit(any('qdrant' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "."}, check=False)

    assert done.returncode == 0
