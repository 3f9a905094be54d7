"""The numbers and names an operator may set, as values. Not here: reading them."""

from typing import Literal

from pydantic import Field

from domain.plain import Record
from domain.remedy import RemedyName

Mode = Literal["observe", "approve", "auto"]
LlmMode = Literal["auto", "always", "never"]


class Limits(Record):
    """What bounds a run. Times in seconds, sizes in bytes; defaults are the product's."""

    tenant: str = "default"
    mode: Mode = "auto"
    modes: dict[str, Mode] = Field(default_factory=dict)
    """Stricter modes by remedy name, target name, or `remedy@target`."""
    scope: dict[str, str] = Field(default_factory=dict)
    """Labels a container must carry (`""` = any value); empty = every container, by approval."""
    excluded: list[str] = Field(default_factory=list)
    protected: list[str] = Field(default_factory=list)
    """Container names of the user's list: only a start of a dead one is allowed."""
    own_id: str = ""
    """Our own container's id, or the beginning of it; empty outside of one."""
    needs: list[str] = Field(default_factory=list)
    """URLs of what Nightshift itself needs; the containers behind them are protected too."""
    addresses: dict[str, list[str]] = Field(default_factory=dict)
    """By host, the names and addresses under which its published ports are probed."""
    docker_guests: dict[str, str] = Field(default_factory=dict)
    """By Docker host, the guest or node it runs on (`lxc/101`, `qemu/100`, `node/pve1`)."""
    guest_scope: list[str] = Field(default_factory=list)
    """Tags that a guest must carry (`*` = any guest); empty = every guest, by approval."""
    guest_memory_cap: int = 8 * 1024**3
    max_attempts: int = 3
    max_actions_per_hour: int = 20
    max_actions_per_target_hour: int = 3
    max_actions_at_once: int = 2
    cooldown_s: float = 600.0
    cooldown_failures: int = 2
    """Failed tries of one remedy on one target within the cool-down before it is refused."""
    latch_after: int = 3
    """Actions on one target that did not hold before nothing more is done to it."""
    latch_quiet_s: float = 6 * 3600.0
    """How far back those are counted, and how long a latched target must be quiet to be free."""
    latch_remind_s: float = 4 * 3600.0
    blast_count: int = 3
    blast_share: float = 0.5
    memory_cap: int = 4 * 1024**3
    memory_factor: float = 2.0
    evidence_deadline_s: float = 8.0
    evidence_max_age_s: float = 120.0
    log_lines: int = 200
    approval_ttl_s: float = 4 * 3600.0
    verify_for_s: float = 30.0
    verify_guest_for_s: float = 120.0
    """A guest boots; a container only starts."""
    verify_poll_s: float = 0.5
    verify_hold_s: float = 20.0
    stable_for_s: float = 3.0
    settle_s: float = 25.0
    similar_limit: int = 5
    llm_mode: LlmMode = "auto"
    """When a model is asked: only where rules and memory do not decide, always, or never."""

    def mode_for(self, remedy: RemedyName, target_name: str) -> Mode:
        """The strictest mode that applies; the general one is the ceiling."""
        order: list[Mode] = ["observe", "approve", "auto"]
        names = (remedy, target_name, f"{remedy}@{target_name}")
        given = [self.mode, *(self.modes[name] for name in names if name in self.modes)]
        return min(given, key=order.index)
