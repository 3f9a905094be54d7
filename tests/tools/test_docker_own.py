"""Which container we run in, by each of the ways it can be told."""

from pathlib import Path

import pytest

from tools.docker_own import own_container_id

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cgroup", f"12:pids:/docker/{ID}\n0::/\n"),
        ("cgroup", f"0::/system.slice/docker-{ID}.scope\n"),
        (
            "mountinfo",
            f"1 2 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/x rw\n",
        ),
        (
            "mountinfo",
            f"1 2 8:1 /run/containers/{ID}/userdata/resolv.conf /etc/resolv.conf rw - tmpfs t rw\n",
        ),
    ],
)
def test_the_kernel_tells_the_full_id(tmp_path: Path, file: str, text: str) -> None:
    """Control group on version 1, mounted files on version 2, podman's too."""
    (tmp_path / file).write_text(text)

    assert own_container_id(tmp_path, hostname="myhost") == ID


def test_dockers_default_hostname_is_the_last_resort(tmp_path: Path) -> None:
    """Twelve hex digits: the beginning of the id."""
    assert own_container_id(tmp_path, hostname="0123456789ab") == "0123456789ab"


@pytest.mark.parametrize("hostname", ["nas", "0123456789abc", "deadbeef"])
def test_outside_of_a_container_there_is_none(tmp_path: Path, hostname: str) -> None:
    """A host that runs Docker sees its containers' mounts; they are not us."""
    shm = f"1 2 0:5 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n"
    (tmp_path / "mountinfo").write_text(shm)
    (tmp_path / "cgroup").write_text("0::/user.slice\n")

    assert own_container_id(tmp_path, hostname=hostname) is None
