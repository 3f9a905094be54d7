"""What a scenario may say of a Proxmox cluster. Not here: its services, or how a guest behaves."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.scenario_part import Name, Part

GuestVerb = Literal[
    "start_guest",
    "reboot_guest",
    "resume_guest",
    "raise_guest_memory",
    "lower_guest_memory",
    "stop_guest",
    "shutdown_guest",
]


class Guest(Part):
    """One container or machine. Memory in MiB; `need_mib` is what its processes want."""

    name: Name
    kind: Literal["lxc", "vm"] = "lxc"
    node: Name = "pve1"
    memory_mib: Annotated[int, Field(ge=16, le=65536)] = 512
    need_mib: Annotated[int, Field(ge=1, le=65536)] = 128
    onboot: bool = True
    ha: bool = False
    tags: list[Name] = Field(default_factory=list)


class Datacenter(Part):
    """The nodes and their guests; guests are numbered from 101 in the order given."""

    nodes: list[Name] = Field(default_factory=lambda: ["pve1"], min_length=1)
    guests: list[Guest] = Field(min_length=1)

    @model_validator(mode="after")
    def _on_nodes(self) -> Self:
        if unknown := sorted({guest.node for guest in self.guests} - set(self.nodes)):
            raise ValueError(f"no node is called {', '.join(unknown)}")
        return self

    @property
    def names(self) -> list[str]:
        """The guests' names."""
        return [guest.name for guest in self.guests]
