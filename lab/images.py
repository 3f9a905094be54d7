"""The lab's one image: busybox and the breakable service. Not here: containers made of it."""

import hashlib
import io
import subprocess
import tarfile
from functools import cache
from pathlib import Path

from docker import DockerClient
from docker.errors import ImageNotFound

SERVICE = Path(__file__).parent / "service"
BUSYBOX = Path("/bin/busybox")
REPOSITORY = "nightshift-lab"


def service_image(client: DockerClient) -> str:
    """The tag of the image; made by import in about 0.3 s where the daemon lacks it.

    Raises FileNotFoundError where there is no busybox, docker.errors.APIError from the daemon.
    """
    archive = _archive()
    tag = hashlib.sha256(archive).hexdigest()[:12]
    name = f"{REPOSITORY}:{tag}"
    try:
        client.images.get(name)
    except ImageNotFound:
        client.api.import_image_from_data(
            archive,
            repository=REPOSITORY,
            tag=tag,
            changes=["ENV PATH=/bin:/service", 'CMD ["/service/main.sh"]', "EXPOSE 8080"],
        )
    return name


@cache
def _archive() -> bytes:
    """The file system as a tar; the same bytes for the same content, whenever it is made."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in (
            "bin",
            "etc",
            "run",
            "state",
            "tmp",
            "data",
            "service",
            "www",
            "www/cgi-bin",
        ):
            _folder(tar, folder)
        _file(tar, "bin/busybox", BUSYBOX.read_bytes())
        for applet in _applets():
            _link(tar, f"bin/{applet}", "busybox")
        for path in sorted(path for path in SERVICE.rglob("*") if path.is_file()):
            inside = path.relative_to(SERVICE)
            place = inside if inside.parts[0] == "www" else Path("service") / inside
            _file(tar, str(place), path.read_bytes())
    return buffer.getvalue()


def _applets() -> list[str]:
    """The commands that this busybox knows."""
    said = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    return sorted(set(said.stdout.split()) - {"busybox"})


def _folder(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    tar.addfile(entry)


def _file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = 0o755, len(content)
    tar.addfile(entry, io.BytesIO(content))


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    tar.addfile(entry)
