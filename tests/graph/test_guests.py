"""Incidents of guests and nodes from alert to end, with the runbooks that are shipped."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.decision import Approval
from domain.errors import Permanent, Transient
from domain.guests import GuestFacts
from domain.incident import Incident
from nightshift.testing import (
    FakeGuests,
    FixedRulebook,
    World,
    container,
    firing,
    guest,
    node,
    open_world,
)
from nightshift.testing.guests import dies_again, needs_memory
from tests.graph.driving import Service
from tools.runbooks import load

MIB = 1024**2


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Containers `web` and `db` on Docker `local`, which runs in `nas` (lxc/101) on `pve1`."""
    async with open_world(tmp_path, container("web"), container("db")) as world:
        world.rulebook = FixedRulebook(load().match)
        world.limit(docker_guests={"local": "lxc/101"})
        world.metrics = None
        cluster(world, guest(), guest("router", kind="vm", id="100"), guest("mail", id="102"))
        yield Service(world)


def cluster(world: World, *guests: GuestFacts) -> FakeGuests:
    """A cluster of two nodes with these guests."""
    world.guests = FakeGuests(world.clock, *guests, nodes=[node("pve1"), node("pve2")])
    return world.guests


def guests(service: Service) -> FakeGuests:
    """The cluster of this world."""
    assert service.world.guests
    return service.world.guests


async def ended(service: Service, **labels: str) -> Incident:
    """The end of an incident about what these labels name."""
    return await service.end(await service.alert(firing("GuestDown", **labels)))


async def approve(service: Service, incident: str) -> None:
    """A person's yes to what this incident asks."""
    request = await service.world.store.pending_approval(incident)
    assert request
    yes = Approval(digest=str(request["digest"]), answer="approve", by="ada")
    await service.world.store.decide(incident, yes)


def sent(service: Service) -> list[str]:
    """What was sent to Proxmox, as `verb name`."""
    return [f"{one.verb} {one.target.name}" for one in guests(service).performed]


@pytest.mark.parametrize(("name", "path"), [("mail", "lxc/102"), ("router", "qemu/100")])
async def test_a_stopped_guest_is_started(service: Service, name: str, path: str) -> None:
    """What nobody stopped and starts on boot runs again, proved by its status."""
    guests(service).crash(name)
    incident = await ended(service, id=path)

    assert (incident.outcome, sent(service)) == ("resolved", [f"start_guest {name}"])
    assert guests(service)[name].running


async def test_a_container_out_of_memory_gets_more(service: Service) -> None:
    """The limit is raised while it runs: nothing is restarted, and the advice names the line."""
    guests(service).change("mail", memory_usage=500 * MIB)
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("resolved", ["raise_guest_memory mail"])
    assert guests(service)["mail"].memory_limit == 1024 * MIB
    assert incident.attempts[0].touched == ["mail"]


async def test_a_start_that_ends_for_memory_leads_to_more(service: Service) -> None:
    """The start is tried, its log tells why it failed, then limit and start heal it."""
    guests(service).crash("mail")
    guests(service).fate("mail", needs_memory(768 * MIB))
    incident = await ended(service, id="lxc/102")

    assert incident.outcome == "resolved"
    assert sent(service) == ["start_guest mail", "raise_guest_memory mail", "start_guest mail"]


async def test_a_guest_stopped_by_a_person_is_asked_about(service: Service) -> None:
    """A shutdown in the task log is somebody's decision."""
    guests(service).stop("mail")
    incident = await service.alert(firing("GuestDown", id="lxc/102"))
    await service.work(until_s=60)

    assert await service.world.store.pending_approval(incident)
    assert sent(service) == []


async def test_a_suspended_machine_is_asked_about(service: Service) -> None:
    """It is resumed when a person says so, and not before."""
    guests(service).suspend("router")
    incident = await service.alert(firing("GuestDown", vmid="100"))
    await service.work(until_s=60)
    before = sent(service)
    await approve(service, incident)

    assert (await service.end(incident)).outcome == "resolved"
    assert (before, sent(service)) == ([], ["resume_guest router"])


async def test_a_guest_not_set_to_start_is_meant_to_be_down(service: Service) -> None:
    """Nobody but its own Docker's silence speaks of it: the end, without a word to anybody."""
    service.world.containers.unreachable["local"] = "no route"
    guests(service).change("nas", onboot=False)
    guests(service).crash("nas")
    incident = await ended(service, name="web", docker_host="local")

    assert incident.outcome == "self_resolved"
    assert "meant to be down" in incident.reason


async def test_the_same_named_by_the_alert_is_asked_about(service: Service) -> None:
    """An alert that names it says that somebody misses it."""
    guests(service).change("mail", onboot=False)
    guests(service).crash("mail")
    incident = await service.alert(firing("GuestDown", id="lxc/102"))
    await service.work(until_s=60)

    assert "start on boot" in str(await service.world.store.pending_approval(incident))


async def test_a_guest_in_its_backup_is_left_alone(service: Service) -> None:
    """Locked for longer than patience lasts: a person hears of it, and nothing was done."""
    guests(service).begin_backup("mail")
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("escalated", [])
    assert incident.diagnosis
    assert incident.diagnosis.runbook == "guest-locked"


async def test_a_guest_back_after_its_backup_needs_nothing(service: Service) -> None:
    """The backup ends within the wait and starts it."""
    guests(service).begin_backup("mail")
    service.world.clock.after(40, lambda: guests(service).end_backup("mail", start=True))
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("self_resolved", [])


async def test_a_guest_that_its_backup_left_down_is_started(service: Service) -> None:
    """Nobody wanted it down after the backup."""
    guests(service).begin_backup("mail")
    service.world.clock.after(40, lambda: guests(service).end_backup("mail", start=False))
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("resolved", ["start_guest mail"])


async def test_a_guest_of_the_ha_manager_is_the_managers(service: Service) -> None:
    """It gets the time of a recovery, then a person is called; we start nothing."""
    guests(service).change("mail", ha_state="error")
    guests(service).crash("mail")
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("escalated", [])
    assert incident.diagnosis
    assert incident.diagnosis.runbook == "ha-managed"


async def test_an_offline_node_is_told_once(service: Service) -> None:
    """Guests on it and containers in them fold into its incident, before its end and after."""
    guests(service).lose("pve1")
    service.world.containers.unreachable["local"] = "no route"
    first = await service.alert(firing("HostDown", instance="pve1:9100", job="node"))
    victims = [
        await service.alert(firing("GuestDown", id="lxc/102")),
        await service.alert(firing("ContainerDown", name="web")),
    ]
    await service.work()
    late = await ended(service, id="qemu/100")
    ends = [await service.world.store.incident(one) for one in victims]

    assert (await service.world.store.incident(first)).outcome == "escalated"
    assert [one.outcome for one in (*ends, late)] == ["folded"] * 3
    assert {one.parent for one in (*ends, late)} == {first}
    assert sent(service) == []


async def test_a_victim_of_an_offline_node_may_come_first(service: Service) -> None:
    """The guest's alert is about the node then, and the node's own alert adds nothing."""
    guests(service).lose("pve1")
    victim = await ended(service, id="lxc/102")
    own = await service.end(await service.alert(firing("HostDown", host="pve1")))

    assert victim.outcome == "escalated"
    assert victim.target
    assert victim.target.key == "node:pve1/pve1"
    assert (own.outcome, own.parent) == ("folded", victim.id)


async def test_the_next_outage_is_told_anew(service: Service) -> None:
    """What people heard an hour ago was of another outage."""
    guests(service).lose("pve1")
    await ended(service, id="lxc/102")
    service.world.clock.advance(3600)
    again = firing("HostDown", host="pve1").model_copy(
        update={"starts_at": service.world.clock.now()}
    )

    assert (await service.end(await service.alert(again))).outcome == "escalated"


async def test_a_container_in_a_guest_that_is_down(service: Service) -> None:
    """Docker is silent because its guest is down: the guest is started, the container returns."""
    guests(service).crash("nas")
    service.world.containers.unreachable["local"] = "no route"
    incident = await ended(service, name="web")

    assert (incident.outcome, sent(service)) == ("resolved", ["start_guest nas"])
    assert incident.target
    assert incident.target.key == "lxc:pve1/101"
    assert service.world.containers.performed == []


async def test_guest_and_container_are_one_incident(service: Service) -> None:
    """Whoever comes second folds into the first, and ends with it once Docker answers again."""
    service.world.limit(modes={"start_guest": "approve"})
    guests(service).crash("nas")
    service.world.containers.unreachable["local"] = "no route"
    first = await service.alert(firing("GuestDown", id="lxc/101"))
    second = await service.alert(firing("ContainerDown", name="web"))
    await service.work(until_s=60)
    await approve(service, first)
    service.world.clock.after(30, service.world.containers.unreachable.clear)
    await service.work()
    parent, child = [await service.world.store.incident(one) for one in (first, second)]

    assert (parent.outcome, child.outcome) == ("resolved", "folded")
    assert sent(service) == ["start_guest nas"]


async def test_docker_gets_time_after_its_guests_boot(service: Service) -> None:
    """Silent, on a guest that has only just come up: nobody is called before it had its time."""
    service.world.containers.unreachable["local"] = "no route"
    guests(service).change("nas", uptime_s=20.0)
    service.world.clock.after(60, service.world.containers.unreachable.clear)
    incident = await ended(service, name="web")

    assert incident.outcome == "self_resolved"
    assert "just booted" in (await service.heard(incident.id, "evidence"))[0]


async def test_docker_silent_for_longer_is_told(service: Service) -> None:
    """Five minutes after the boot it is no longer booting."""
    service.world.containers.unreachable["local"] = "no route"
    guests(service).change("nas", uptime_s=20.0)
    incident = await ended(service, name="web")

    assert incident.outcome == "escalated"
    assert "Docker out of reach on local: no route" in incident.reason


async def test_many_guests_down_are_the_nodes_trouble(service: Service) -> None:
    """Three of three: no single guest is the patient."""
    for name in ("nas", "mail", "router"):
        guests(service).crash(name)
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("escalated", [])
    assert "common cause" in incident.reason


async def test_a_task_whose_end_is_unknown_is_never_sent_again(service: Service) -> None:
    """Not answered and not visible: a person is called, and one start was sent."""
    guests(service).crash("mail")
    guests(service).trouble(Transient("no answer"))
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("escalated", ["start_guest mail"])
    assert incident.attempts[0].result == "unknown"


async def test_a_late_start_counts(service: Service) -> None:
    """The answer was lost, the start took place: seen by status, told as resolved."""
    guests(service).crash("mail")
    guests(service).trouble(Transient("no answer"), late_s=15)
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("resolved", ["start_guest mail"])


async def test_a_refused_start_escalates_with_its_reason(service: Service) -> None:
    """Proxmox' own words reach people."""
    guests(service).crash("mail")
    for _ in range(3):
        guests(service).trouble(Permanent("storage 'tank' is not online"))
    incident = await ended(service, id="lxc/102")

    assert incident.outcome == "escalated"
    assert "tank" in incident.attempts[0].detail


async def test_a_guest_that_falls_again_escalates(service: Service) -> None:
    """It is not started over and over."""
    guests(service).crash("mail")
    guests(service).fate("mail", dies_again)
    incident = await ended(service, id="lxc/102")

    assert (incident.outcome, sent(service)) == ("escalated", ["start_guest mail"])


async def test_a_silent_cluster_holds_no_container_up(service: Service) -> None:
    """Proxmox does not answer: containers are healed as ever, after the deadline."""
    service.world.limit(evidence_deadline_s=0.6)
    guests(service).silent = {"inventory", "guest"}
    service.world.containers.crash("web")
    incident = await service.end(await service.alert())

    assert (incident.outcome, service.verbs()) == ("resolved", ["start web"])


async def test_proxmox_out_of_reach_is_told(service: Service) -> None:
    """A guest that cannot be looked up is nobody's, and the reason names who was silent."""
    guests(service).unreachable = {"pve1": "no route"}
    incident = await ended(service, id="lxc/102")

    assert incident.outcome == "escalated"
    assert "id=lxc/102" in incident.reason
    assert "Proxmox out of reach on pve1: no route" in incident.reason
