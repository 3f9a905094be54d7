import docker
import pytest

from lab.images import service_image


@pytest.mark.stack
def test_the_same_content_is_the_same_image(real_docker: str) -> None:
    """It is made once and found again by the hash of its content."""
    client = docker.DockerClient(real_docker)

    first = service_image(client)
    made = client.images.get(first).attrs["Created"]
    again = service_image(client)

    assert again == first
    assert client.images.get(again).attrs["Created"] == made
    client.close()
