"""A Qdrant server's REST API over the client's own simulation, on a free loopback port.

What arrives is parsed with the models made of Qdrant's OpenAPI description, so a request in
another form is refused as the server would. It answers what a test tells it to answer otherwise.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.http.models import PointsList


class QdrantStandIn:
    """`answers` are statuses for the next requests in place of the truth; `seen` what came in."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.keys: set[str | None] = set()
        self.answers: list[int] = []
        self.url = ""
        self.blind = False
        """Then no collection exists for who asks: another process creates it just afterwards."""
        self.released = threading.Event()
        """A status of 0 in `answers` holds the request until this is set."""
        self.lock = threading.Lock()
        self.truth = QdrantClient(":memory:")

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and result of one request."""
        _, _, name, *rest = path.split("?")[0].split("/")
        if (method, rest) == ("GET", ["exists"]):
            return 200, {"exists": not self.blind and self.truth.collection_exists(name)}
        if (method, rest) == ("PUT", []):
            wanted = models.CreateCollection.model_validate(body)
            if self.truth.collection_exists(name):
                return 409, None
            return 200, self.truth.create_collection(
                name,
                wanted.vectors,
                wanted.sparse_vectors,
            )
        if not self.truth.collection_exists(name):
            return 404, None
        return 200, self._inside(method, name, "/".join(rest), body)

    def _inside(self, method: str, name: str, path: str, body: Any) -> Any:
        match method, path:
            case "DELETE", "":
                return self.truth.delete_collection(name)
            case "PUT", "index":
                models.CreateFieldIndex.model_validate(body)
                return {"operation_id": 0, "status": "completed"}
            case "PUT", "points":
                points = PointsList.model_validate(body).points
                return self.truth.upsert(name, points).model_dump(mode="json")
            case "POST", "points":
                ids = models.PointRequest.model_validate(body).ids
                return [each.model_dump(mode="json") for each in self.truth.retrieve(name, ids)]
            case "POST", "points/count":
                return self.truth.count(name).model_dump(mode="json")
        assert (method, path) == ("POST", "points/query/batch")
        asked = models.QueryRequestBatch.model_validate(body).searches
        assert all(each.params and each.params.exact for each in asked)
        bare = [each.model_copy(update={"params": None}) for each in asked]  # it warns of them
        found = self.truth.query_batch_points(name, bare)
        return [each.model_dump(mode="json") for each in found]


@contextmanager
def qdrant_standin() -> Iterator[QdrantStandIn]:
    """Serve one from a thread until the block ends."""
    standin = QdrantStandIn()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # the base's name
            """Say nothing."""

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or "null")
            standin.seen.append((self.command, self.path))
            standin.keys.add(self.headers.get("api-key"))
            status, result = (standin.answers or [200]).pop(0), None
            if status == 0:
                standin.released.wait()
            if status == 200:
                with standin.lock:
                    status, result = standin.answer(self.command, self.path, body)
            said = json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()
            self.send_response(status or 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            if status == 429:
                self.send_header("retry-after", "7")
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # the base's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    standin.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield standin
    finally:
        standin.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
        standin.truth.close()
