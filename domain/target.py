"""What is broken, named exactly. Not here: how it is found (policy/locate.py)."""

from typing import Literal

from domain.plain import Record

Kind = Literal["container", "lxc", "vm", "node"]


class Target(Record):
    """One container or guest on one host; `id` is the full id, never a prefix or a pattern."""

    kind: Kind = "container"
    host: str
    id: str
    name: str
    service: str
    project: str = ""

    @property
    def key(self) -> str:
        """Stable across a recreate: what claims, cool-downs and desired state are kept by.

        A container's name is unique on its host; a guest's is not on its node, its number is.
        """
        place = self.id if self.kind in ("lxc", "vm") else self.name
        return f"{self.kind}:{self.host}/{place}"

    @property
    def path(self) -> str:
        """What Proxmox and its exporter call a guest or node: `lxc/101`, `qemu/100`, `node/pve`."""
        kinds = {"vm": "qemu"}
        return f"{kinds.get(self.kind, self.kind)}/{self.id}"


class Found(Record):
    """Exactly one target answers to the alert's labels.

    `via` says why it is not the thing that they name but what that stands on; empty when it is.
    """

    target: Target
    tried: list[str]
    via: str = ""


class NotLocated(Record):
    """No target, or more than one: `candidates` holds their names, `tried` the labels.

    `why` says what speaks against a container that the labels fit; empty where none fits.
    """

    candidates: list[str]
    tried: list[str]
    why: str = ""


Location = Found | NotLocated
