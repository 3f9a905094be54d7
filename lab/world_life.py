"""How containers live: start, serve, fail, die, come back by their restart policy.

Not here: what people and the API do (world.py), or which faults there are (world_faults.py).
"""

from functools import partial

from lab import world_sight as sight
from lab.world_parts import Container, HealthCheck, Refusal
from lab.world_stage import Stage

CHECKS = 5
NO_DEPENDENCY = "cannot reach dependency"


class Life:
    """The processes of one world's containers."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._pids = 1000

    def start(self, container: Container) -> None:
        """Bring up a new process, or raise Refusal as Docker does when that fails."""
        self._need_host_container(container)
        for network in container.networks:
            self.stage.emit_network(container, "connect", network)
        if container.start_errors:
            self._fail_start(container)
        self._become_running(container)
        self.stage.emit(container, "start")
        self.stage.log(container, f"INFO {container.name}: starting")
        self._begin(container)
        self.reconsider()

    def _fail_start(self, container: Container) -> None:
        container.start_errors -= 1
        container.error, container.exit_code = container.start_error, 128
        for network in container.networks:
            self.stage.emit_network(container, "disconnect", network)
        raise Refusal(500, container.start_error)

    def _need_host_container(self, container: Container) -> None:
        """One that shares another's network cannot start without it."""
        kind, _, other_id = container.spec.network_mode.partition(":")
        if kind != "container":
            return
        other = self.stage.containers.get(other_id)
        if other is None or not other.up:
            lost = f"No such container: {other_id}"
            still = f"cannot join network of a non running container: {other_id}"
            container.error, container.exit_code = (still if other else lost), 128
            raise Refusal(409 if other else 404, container.error)

    def _become_running(self, container: Container) -> None:
        self._pids += 1
        container.run += 1
        container.starts += 1
        container.pid = self._pids
        container.status = "running"
        container.exit_code, container.error = 0, ""
        container.started_at = self.stage.clock.now()
        container.health = "starting" if container.spec.health else "none"
        container.check_due, container.failing_streak = False, 0
        container.hung = False
        container.leak_since = container.started_at if container.leak_rate else None

    def _begin(self, container: Container) -> None:
        """What a new process meets: its configuration, its memory limit, its leak."""
        pace = self.stage.pace
        if container.bad_config:
            self.stage.after(container, pace.crash_loop_s, partial(self._reject_config, container))
            return
        self.stage.log(container, f"INFO {container.name}: listening on 0.0.0.0:8080")
        if container.memory_limit and container.need > container.memory_limit:
            self.stage.after(container, pace.oom_again_s, partial(self._too_small, container))
        elif container.leak_rate:
            self.watch_leak(container)

    def _reject_config(self, container: Container) -> None:
        text = f"FATAL {container.name}: {container.bad_config}"
        self.stage.log(container, text, error=True)
        self.die(container, 1)

    def _too_small(self, container: Container) -> None:
        """It has filled its memory limit, unless that was raised meanwhile."""
        if container.need > container.memory_limit:
            self.oom(container)

    def watch_leak(self, container: Container) -> None:
        """Arrange for the OOM kill at the time when its growing usage meets its limit."""
        if container.memory_limit and container.leak_rate:
            left = container.memory_limit - sight.usage(container, self.stage.clock.now())
            seconds = left / container.leak_rate
            self.stage.after(container, seconds, partial(self._leaked, container))

    def _leaked(self, container: Container) -> None:
        """The limit is reached, unless it was raised meanwhile."""
        used = sight.usage(container, self.stage.clock.now())
        if used >= 0.99 * container.memory_limit:
            self.oom(container)
        else:
            self.watch_leak(container)

    def oom(self, container: Container) -> None:
        """The kernel kills it at its own memory limit."""
        container.oom_count += 1
        self.stage.emit(container, "oom")
        self.die(container, 137, oom=True)

    def die(self, container: Container, code: int, *, oom: bool = False) -> None:
        """Its process ends; its restart policy may bring it back."""
        self.end(container, code, oom=oom)
        if self._comes_back(container, code):
            self._come_back(container)
        self.reconsider()

    def end(self, container: Container, code: int, *, oom: bool = False) -> None:
        """Its process ends, and nobody restarts it."""
        container.run += 1
        container.status, container.pid = "exited", 0
        container.exit_code, container.oom_killed = code, oom
        container.finished_at = self.stage.clock.now()
        if container.spec.health:
            container.health = "unhealthy"
        self.stage.emit(container, "die", exitCode=str(code))
        for network in container.networks:
            self.stage.emit_network(container, "disconnect", network)

    def _comes_back(self, container: Container, code: int) -> bool:
        policy, most = container.spec.restart, container.spec.max_retries
        if policy == "on-failure":
            return code != 0 and (most == 0 or container.restart_count < most)
        return policy in {"always", "unless-stopped"}

    def _come_back(self, container: Container) -> None:
        """Docker's restart monitor: wait twice as long each time, anew after a good while."""
        pace = self.stage.pace
        started, finished = container.started_at, container.finished_at
        ran = (finished - started).total_seconds() if started and finished else 0.0
        fresh = container.backoff == 0 or ran >= pace.backoff_reset_s
        doubled = min(2 * container.backoff, pace.backoff_max_s)
        container.backoff = pace.backoff_s if fresh else doubled
        container.restart_count += 1
        container.status = "restarting"
        self.stage.after(container, container.backoff, partial(self._by_policy, container))

    def _by_policy(self, container: Container) -> None:
        try:
            self.start(container)
        except Refusal:
            self._come_back(container)

    def reconsider(self) -> None:
        """After any change, let health checks and dependents notice in their own time."""
        for container in list(self.stage.containers.values()):
            if container.status == "running" and container.spec.health:
                self._expect_check(container)
            exits = container.spec.without_deps == "exits" and container.status == "running"
            if exits and sight.missing(self.stage.containers, container):
                wait = self.stage.pace.without_deps_s
                self.stage.after(container, wait, partial(self._give_up, container))

    def _expect_check(self, container: Container) -> None:
        good = sight.serves(self.stage.containers, container)
        if container.check_due or container.health == _word(good):
            return
        container.check_due = True
        pace = self.stage.pace
        wait = pace.health_s if good else pace.unhealthy_s
        self.stage.after(container, wait, partial(self._check, container))

    def _check(self, container: Container) -> None:
        """A health check has come to a result; tell if it is another one than before."""
        container.check_due = False
        if container.status != "running":
            return
        good = sight.serves(self.stage.containers, container)
        lost = sight.missing(self.stage.containers, container)
        output = "" if good else f"{NO_DEPENDENCY} {lost[0]}" if lost else "timed out"
        check = HealthCheck(at=self.stage.clock.now(), exit_code=int(not good), output=output)
        container.checks = [*container.checks, check][-CHECKS:]
        container.failing_streak = 0 if good else container.failing_streak + 1
        if container.health != _word(good):
            container.health = "healthy" if good else "unhealthy"
            self.stage.emit(container, f"health_status: {container.health}")
        if lost and container.status == "running":
            text = f"ERROR {container.name}: {NO_DEPENDENCY} {lost[0]}"
            self.stage.log(container, text, error=True)
        self._expect_check(container)

    def _give_up(self, container: Container) -> None:
        lost = sight.missing(self.stage.containers, container)
        if lost:
            text = f"FATAL {container.name}: {NO_DEPENDENCY} {lost[0]}: connection refused"
            self.stage.log(container, text, error=True)
            self.die(container, 1)


def _word(good: bool) -> str:
    return "healthy" if good else "unhealthy"
