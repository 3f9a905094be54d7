"""What a scenario may say. Not here: reading the file, running it or judging it.

It is described for people in docs/scenarios.md.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lab.rules import CATALOGUE, Rule

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Seconds = Annotated[float, Field(ge=0, le=600)]
Size = Annotated[str, Field(pattern=r"^[0-9]+[kmg]$")]
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
LabStep = Literal["wait", "post_alert"]
State = Literal["running", "exited", "paused", "restarting", "healthy", "unhealthy", "answering"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(_Part):
    """One container. `volumes` maps a path to the size of a small volume of its own.

    `scope` `elsewhere` puts it outside the labels that the agent under test may act on.
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

    @field_validator("restart", mode="before")
    @classmethod
    def _yaml_no(cls, value: object) -> object:
        """An unquoted `no` is a truth value in YAML."""
        return "no" if value is False else value


class PostedAlert(_Part):
    """An alert that the lab posts itself; `{service}` in a text stands for a container's name."""

    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    status: Literal["firing", "resolved"] = "firing"
    expr: str = ""


class Step(_Part):
    """One thing that goes wrong, `after_s` seconds after the step before it.

    `amount`: megabytes of oom and leak, seconds of wobble, flap and wait. `until` holds the next
    step back until the service is in that state, for 30 s at most.
    """

    kind: ServiceFault | ApiFault | LabStep
    service: str = ""
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
            "service": self.kind not in {"wait", "post_alert"},
            "amount": self.kind in {"oom", "wobble", "flap", "wait"},
            "text": self.kind == "say",
            "command": self.kind == "exec",
            "alert": self.kind == "post_alert",
        }
        for field, needed in needs.items():
            if needed and not getattr(self, field):
                raise ValueError(f"a step of kind {self.kind!r} needs {field!r}")
        return self


class Alerts(_Part):
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


class Policy(_Part):
    """How the agent under test is set; `env` holds further settings by their variable's name."""

    mode: Literal["auto", "approve", "observe"] = "auto"
    modes: dict[str, Literal["auto", "approve", "observe"]] = Field(default_factory=dict)
    env: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], str] = Field(
        default_factory=dict
    )


class Person(_Part):
    """Who answers when the agent asks, and how long that takes."""

    answer: Literal["approve", "deny", "absent"] = "absent"
    after_s: Seconds = 1


class Memory(_Part):
    """What the agent has lived through before: the same fault, so often, handled and finished."""

    rehearsals: Annotated[int, Field(ge=0, le=3)] = 0


class Act(_Part):
    """One change to one service, as Docker's event stream shows it."""

    verb: Verb
    service: str

    def __str__(self) -> str:
        return f"{self.verb} {self.service}"


class Actions(_Part):
    """`allowed` may happen, `required` must (and may); more than `max` of them is wrong."""

    allowed: list[Act] = Field(default_factory=list)
    required: list[Act] = Field(default_factory=list)
    max: Annotated[int, Field(ge=0)] | None = None


class Expect(_Part):
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


class Scenario(_Part):
    """One scenario file."""

    id: Name
    title: str
    about: str = ""
    services: list[Service] = Field(min_length=1)
    fault: list[Step] = Field(min_length=1)
    alerts: Alerts = Field(default_factory=Alerts)
    policy: Policy = Field(default_factory=Policy)
    person: Person = Field(default_factory=Person)
    memory: Memory = Field(default_factory=Memory)
    expect: Expect

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [service.name for service in self.services]
        if len(set(names)) < len(names):
            raise ValueError("two services have the same name")
        acts = [*self.expect.actions.allowed, *self.expect.actions.required]
        used = {
            *(step.service for step in self.fault if step.service),
            *(peer for service in self.services for peer in service.depends_on),
            *self.expect.healthy,
            *self.expect.bystanders,
            *(act.service for act in acts),
        }
        if unknown := sorted(used - set(names)):
            raise ValueError(f"no service is called {', '.join(unknown)}")
        return self

    def service(self, name: str) -> Service:
        """The service of that name; the file was checked, so there is one."""
        return next(service for service in self.services if service.name == name)
