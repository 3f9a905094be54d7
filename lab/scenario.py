"""What a scenario may say. Not here: reading the file, running it or judging it.

It is described for people in docs/scenarios.md.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from lab.cluster_parts import GuestFault
from lab.rules import CATALOGUE, Rule
from lab.scenario_cluster import Datacenter, GuestVerb
from lab.scenario_part import Name, Part, Seconds, Size

Verb = Literal[
    "start",
    "restart",
    "stop",
    "kill",
    "pause",
    "unpause",
    "connect",
    "disconnect",
    "update",
    "rename",
    "destroy",
    "exec",
]
Outcome = Literal[
    "resolved", "self_resolved", "folded", "escalated", "denied", "observed", "failed", "nothing"
]
ServiceFault = Literal[
    "crash", "finish", "oom", "hung", "wobble", "leak", "fill_volume", "flap", "misconfigure", "say"
]
ApiFault = Literal["stop", "kill", "pause", "unpause", "start", "disconnect", "exec"]
ClusterFault = Literal["break_guest", "node_offline", "node_back"]
LabStep = Literal["wait", "post_alert"]
State = Literal["running", "exited", "paused", "restarting", "healthy", "unhealthy", "answering"]
_WITHOUT_SERVICE = {*get_args(ClusterFault), *get_args(LabStep)}


class Service(Part):
    """One container. `volumes` maps a path to the size of a small volume of its own.

    `scope` `elsewhere` puts it outside the labels that the agent under test may act on. `guest` is
    the one whose Docker it runs in: while that is down, neither Docker nor the service answers.
    """

    name: Name
    image: str = ""
    command: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    memory: Size | None = None
    restart: Annotated[str, Field(pattern=r"^(no|always|unless-stopped|on-failure(:\d+)?)$")] = "no"
    healthcheck: bool = True
    probe: bool = True
    networks: list[Name] = Field(default_factory=lambda: ["main"], min_length=1)
    depends_on: list[Name] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    volumes: dict[str, Size] = Field(default_factory=dict)
    scope: Literal["lab", "elsewhere"] = "lab"
    guest: str = ""

    @field_validator("restart", mode="before")
    @classmethod
    def _yaml_no(cls, value: object) -> object:
        """An unquoted `no` is a truth value in YAML."""
        return "no" if value is False else value


class PostedAlert(Part):
    """An alert that the lab posts itself; `{service}` in a text stands for a container's name."""

    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    status: Literal["firing", "resolved"] = "firing"
    expr: str = ""


class Step(Part):
    """One thing that goes wrong, `after_s` seconds after the step before it.

    `amount`: megabytes of oom and leak, seconds of wobble, flap, wait and a guest's backup.
    `until` holds the next step back until the service is in that state, for 30 s at most.
    """

    kind: ServiceFault | ApiFault | ClusterFault | LabStep
    service: str = ""
    guest: str = ""
    node: str = ""
    fault: GuestFault | None = None
    after_s: Seconds = 0
    amount: Annotated[int, Field(ge=0, le=4096)] | None = None
    text: str = ""
    network: str = "main"
    command: list[str] = Field(default_factory=list)
    alert: PostedAlert | None = None
    until: State | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needs = {
            "service": self.kind not in _WITHOUT_SERVICE,
            "guest": self.kind == "break_guest",
            "fault": self.kind == "break_guest",
            "node": self.kind in {"node_offline", "node_back"},
            "amount": self.kind in {"oom", "wobble", "flap", "wait"},
            "text": self.kind == "say",
            "command": self.kind == "exec",
            "alert": self.kind == "post_alert",
        }
        for field, needed in needs.items():
            if needed and not getattr(self, field):
                raise ValueError(f"a step of kind {self.kind!r} needs {field!r}")
        return self


class Alerts(Part):
    """Rules of the catalogue by name, and rules of the scenario's own."""

    rules: list[str] = Field(default_factory=list)
    custom: list[Rule] = Field(default_factory=list)
    group_wait_s: Seconds = 0

    @field_validator("rules")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        unknown = sorted(set(names) - set(CATALOGUE))
        if unknown:
            raise ValueError(f"no rule is called {', '.join(unknown)}; there are: {_listed()}")
        return names

    @property
    def active(self) -> list[Rule]:
        """The rules Prometheus is given."""
        return [*(CATALOGUE[name] for name in self.rules), *self.custom]


def _listed() -> str:
    return ", ".join(sorted(CATALOGUE))


class Policy(Part):
    """How the agent under test is set; `env` holds further settings by their variable's name."""

    mode: Literal["auto", "approve", "observe"] = "auto"
    modes: dict[str, Literal["auto", "approve", "observe"]] = Field(default_factory=dict)
    env: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], str] = Field(
        default_factory=dict
    )


class Person(Part):
    """Who answers when the agent asks, and how long that takes."""

    answer: Literal["approve", "deny", "absent"] = "absent"
    after_s: Seconds = 1


class Memory(Part):
    """What the agent has lived through before: the same fault, so often, handled and finished."""

    rehearsals: Annotated[int, Field(ge=0, le=3)] = 0


class Act(Part):
    """One change to a service, as Docker's event stream shows it, or to a guest."""

    verb: Verb | GuestVerb
    service: str = ""
    guest: str = ""

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        wanted = "guest" if self.verb in get_args(GuestVerb) else "service"
        other = "service" if wanted == "guest" else "guest"
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f"{self.verb!r} is done to a {wanted}, and needs its name there")
        return self

    @property
    def name(self) -> str:
        """What it is done to."""
        return self.service or self.guest

    def __str__(self) -> str:
        return f"{self.verb} {self.name}"


class Actions(Part):
    """`allowed` may happen, `required` must (and may); more than `max` of them is wrong."""

    allowed: list[Act] = Field(default_factory=list)
    required: list[Act] = Field(default_factory=list)
    max: Annotated[int, Field(ge=0)] | None = None


class Expect(Part):
    """What must be true at the end. `watch_s`: look at least so long after the fault."""

    outcome: list[Outcome] = Field(min_length=1)
    healthy: list[str] = Field(default_factory=list)
    actions: Actions = Field(default_factory=Actions)
    bystanders: list[str] = Field(default_factory=list)
    approval_asked: bool | None = None
    within_s: Seconds = 40
    watch_s: Seconds = 0

    @field_validator("outcome", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class Scenario(Part):
    """One scenario file; there are services, a cluster, or both."""

    id: Name
    title: str
    about: str = ""
    cluster: Datacenter | None = None
    services: list[Service] = Field(default_factory=list)
    fault: list[Step] = Field(min_length=1)
    alerts: Alerts = Field(default_factory=Alerts)
    policy: Policy = Field(default_factory=Policy)
    person: Person = Field(default_factory=Person)
    memory: Memory = Field(default_factory=Memory)
    expect: Expect

    @model_validator(mode="after")
    def _names(self) -> Self:
        services = [service.name for service in self.services]
        guests = self.cluster.names if self.cluster else []
        if not services and not guests:
            raise ValueError("there are neither services nor a cluster")
        if len({*services, *guests}) < len(services) + len(guests):
            raise ValueError("two services or guests have the same name")
        acts = [*self.expect.actions.allowed, *self.expect.actions.required]
        steps, seen = self.fault, {*self.expect.healthy, *self.expect.bystanders}
        _known(
            "service",
            services,
            *(step.service for step in steps),
            *(peer for service in self.services for peer in service.depends_on),
            *(act.service for act in acts),
            *(seen - {*services, *guests}),
        )
        _known("guest", guests, *(step.guest for step in steps), *(act.guest for act in acts))
        _known("node", self.cluster.nodes if self.cluster else [], *(step.node for step in steps))
        return self

    @model_validator(mode="after")
    def _one_docker(self) -> Self:
        """All services run in one Docker: that of one guest, or this machine's."""
        places = {service.guest for service in self.services}
        if len(places) > 1:
            raise ValueError("all services run on the same guest, or none does")
        _known("guest", self.cluster.names if self.cluster else [], *places)
        return self

    @property
    def docker_on(self) -> str:
        """The guest that Docker runs on; empty for this machine."""
        return next((service.guest for service in self.services), "")


def _known(what: str, names: list[str], *used: str) -> None:
    if unknown := sorted({*used} - {"", *names}):
        raise ValueError(f"no {what} is called {', '.join(unknown)}")
