"""Alert rules as people write them for cAdvisor, Docker's and Proxmox' state, blackbox probes.

Not here: Prometheus itself. Time-outs are a lab's: seconds where a home would say minutes.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """One alerting rule; `for_s` in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    expr: str
    for_s: Annotated[int, Field(ge=0)] = 0
    severity: str = "critical"
    summary: str = ""
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)

    def written(self) -> dict[str, object]:
        """The rule as Prometheus' rule file has it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": f"{self.for_s}s",
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "description": self.description},
        }


RULES = (
    Rule(
        name="ContainerDown",
        expr='container_state_status{status=~"exited|dead"} == 1',
        summary="Container {{ $labels.name }} is down",
        description="Container {{ $labels.name }} is in state {{ $labels.status }}.",
    ),
    Rule(
        name="ContainerUnhealthy",
        expr='container_state_health_status{status="unhealthy"} == 1'
        ' and on (name) container_state_status{status="running"} == 1',
        summary="Container {{ $labels.name }} is unhealthy",
        description="The health check of {{ $labels.name }} is failing.",
    ),
    Rule(
        name="ContainerOomKilled",
        expr="container_state_oomkilled == 1 and on (name)"
        ' container_state_status{status="exited"} == 1',
        summary="Container {{ $labels.name }} was OOM killed",
        description="The kernel killed {{ $labels.name }} for exceeding its memory limit.",
    ),
    Rule(
        name="ContainerKilled",
        expr='time() - container_last_seen{name!=""} > 3',
        severity="warning",
        summary="Container {{ $labels.name }} has disappeared",
        description="cAdvisor has not seen {{ $labels.name }} for {{ $value }} s.",
    ),
    Rule(
        name="ContainerHighMemoryUsage",
        expr='(sum by (instance, name) (container_memory_working_set_bytes{name!=""})'
        " / sum by (instance, name) (container_spec_memory_limit_bytes > 0) * 100) > 80",
        for_s=2,
        severity="warning",
        summary="Container {{ $labels.name }} is running out of memory",
        description="{{ $labels.name }} uses {{ $value }}% of its memory limit.",
    ),
    Rule(
        name="ContainerCrashLooping",
        expr="increase(container_restartcount[20s]) > 2",
        summary="Container {{ $labels.name }} is crash looping",
        description="{{ $labels.name }} was restarted {{ $value }} times in 20 s.",
    ),
    Rule(
        name="ContainerFlapping",
        expr="changes(container_state_startedat[1m]) >= 3",
        severity="warning",
        summary="Container {{ $labels.name }} is flapping",
        description="{{ $labels.name }} started {{ $value }} times in the last minute.",
    ),
    Rule(
        name="ContainerPaused",
        expr='container_state_status{status="paused"} == 1',
        for_s=1,
        severity="warning",
        summary="Container {{ $labels.name }} is paused",
        description="Container {{ $labels.name }} has been paused.",
    ),
    Rule(
        name="BlackboxProbeFailed",
        expr="probe_success == 0",
        for_s=1,
        summary="Probe of {{ $labels.name }} failed",
        description="{{ $labels.instance }} does not answer from outside.",
    ),
    Rule(
        name="HostOutOfDiskSpace",
        expr='node_filesystem_avail_bytes{mountpoint!=""} / node_filesystem_size_bytes * 100 < 10',
        severity="warning",
        summary="Disk {{ $labels.mountpoint }} is almost full",
        description="{{ $labels.mountpoint }} has {{ $value }}% left.",
    ),
    Rule(
        name="PveGuestDown",
        expr='pve_up{id=~"(qemu|lxc)/.*"} == 0 and on (instance, id) pve_onboot_status == 1',
        for_s=1,
        summary="Guest {{ $labels.id }} is down",
        description="It starts with its node, and does not run.",
    ),
    Rule(
        name="PveNodeDown",
        expr='pve_up{id=~"node/.*"} == 0',
        for_s=1,
        summary="Proxmox {{ $labels.id }} is offline",
        description="The cluster does not see it; all its guests are down with it.",
    ),
    Rule(
        name="PveGuestHighMemoryUsage",
        expr='pve_memory_usage_bytes{id=~"(qemu|lxc)/.*"} / pve_memory_size_bytes * 100 > 95'
        " and on (instance, id) pve_up == 1",
        for_s=1,
        severity="warning",
        summary="Guest {{ $labels.id }} is running out of memory",
        description="It uses {{ $value }}% of what it was given.",
    ),
)
CATALOGUE = {rule.name: rule for rule in RULES}
