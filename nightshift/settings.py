"""The environment, read once, cast and checked at start. Not here: what the values are used for."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.errors import BadConfiguration
from domain.limits import Limits, LlmMode, Mode

YEAR_S = 365 * 24 * 3600.0
Span = Annotated[float, Field(ge=0, le=YEAR_S)]
Positive = Annotated[float, Field(gt=0, le=YEAR_S)]


def _pairs(value: object) -> object:
    """Turn `a=1,b` into `{"a": "1", "b": ""}`; leave mappings as they are."""
    if not isinstance(value, str):
        return value
    parts = (part.strip() for part in value.split(",") if part.strip())
    return {key.strip(): rest.strip() for key, _, rest in (part.partition("=") for part in parts)}


def _words(value: object) -> object:
    """Turn `a, b` into a list; leave lists as they are."""
    return (
        [word.strip() for word in value.split(",") if word.strip()]
        if isinstance(value, str)
        else value
    )


def _web(value: str | SecretStr | None) -> str | SecretStr | None:
    """Refuse what is no web address; the sentence never repeats it, it may hold a password."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value or ""
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("should begin with http:// or https://")
    return value


def _server(value: SecretStr | None) -> SecretStr | None:
    """Refuse what is no PostgreSQL address; the sentence never repeats it."""
    known = ("postgresql://", "postgres://")
    if value is not None and not value.get_secret_value().startswith(known):
        raise ValueError("should begin with postgresql://; without it, SQLite is used")
    return value


def _addressed(hosts: dict[str, str]) -> dict[str, str]:
    """Refuse a Docker host without an address: it would silently be the local one."""
    if not all("://" in url for url in hosts.values()):
        raise ValueError("each host should be written name=tcp://address:port or name=unix:///path")
    return hosts


class Settings(BaseSettings):
    """Every setting, under the name of its environment variable (`.env` is read too)."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        str_strip_whitespace=True,
    )

    nightshift_host: str = "127.0.0.1"
    nightshift_port: int = Field(default=5000, ge=0, le=65535)
    nightshift_data_dir: Path = Path("data")
    database_url: SecretStr | None = None
    """`postgresql://user:password@host:5432/name`; empty: SQLite files in the data directory."""
    nightshift_token: SecretStr | None = None
    nightshift_basic_auth: SecretStr | None = None
    nightshift_tenant: str = "default"
    nightshift_mode: Mode = "auto"
    nightshift_modes: Annotated[dict[str, Mode], NoDecode] = Field(default_factory=dict)
    nightshift_protected: Annotated[list[str], NoDecode] = Field(default_factory=list)
    nightshift_excluded: Annotated[list[str], NoDecode] = Field(default_factory=list)
    nightshift_runbooks: Path | None = None
    nightshift_workers: int = Field(default=8, ge=1, le=64)
    nightshift_one_core: bool | None = None
    """Whether a process keeps to one core: cheaper. Unset: unless others share the store."""
    nightshift_check_every_s: Span = 300.0
    nightshift_keep_checkpoints_days: float = Field(default=14.0, ge=0, le=3650)
    """Of finished incidents, for replay and Studio; 0: for ever."""
    nightshift_waiting_deliveries: int = Field(default=64, ge=1)
    """Deliveries that may wait to be written down before the next is answered 503."""
    nightshift_digest_after: int = Field(default=10, ge=1)
    """First messages within a minute after which the next go out together, as one."""
    nightshift_log_level: str = "INFO"
    nightshift_log_json: bool = False

    nightshift_max_attempts: int = Field(default=3, ge=1, le=10)
    nightshift_max_actions_per_hour: int = Field(default=20, ge=0)
    nightshift_max_actions_per_target_hour: int = Field(default=3, ge=0)
    nightshift_max_actions_at_once: int = Field(default=2, ge=1)
    nightshift_cooldown_s: Span = 600.0
    nightshift_latch_after: int = Field(default=3, ge=1)
    nightshift_latch_quiet_s: Positive = 6 * 3600.0
    nightshift_latch_remind_s: Positive = 4 * 3600.0
    nightshift_approval_ttl_s: Positive = 4 * 3600.0
    nightshift_verify_for_s: Positive = 30.0
    nightshift_verify_guest_for_s: Positive = 120.0
    nightshift_stable_for_s: Span = 3.0
    nightshift_settle_s: Span = 25.0
    nightshift_memory_cap_mb: int = Field(default=4096, ge=6)

    docker_hosts: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """`name=url,…`; empty: the local socket under the name `local`."""
    docker_addresses: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """`host=address address,…`: further names under which a host's published ports are probed."""
    docker_scope: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """Label selector `key=value,…`; only containers that carry all of them are acted on."""
    docker_timeout_s: Positive = 15.0
    docker_stop_grace_s: int = Field(default=5, ge=0)
    prometheus_url: str = ""
    prometheus_timeout_s: Positive = 5.0
    alertmanager_url: str = ""
    proxmox_host: str = ""
    """Name or address of a node, with `:port` where it is not 8006; empty: no Proxmox."""
    proxmox_user: str = ""
    """`user@realm`; `user@realm!token` names the token too."""
    proxmox_password: SecretStr | None = None
    proxmox_token_name: str = ""
    proxmox_token_value: SecretStr | None = None
    proxmox_ca: Path | None = None
    """The cluster's CA file, /etc/pve/pve-root-ca.pem; empty: the system's authorities."""
    proxmox_timeout_s: float = Field(default=30.0, gt=0)
    proxmox_task_timeout_s: float = Field(default=120.0, gt=0, le=150)
    """How long a task (start, reboot) may take before its end counts as unknown."""

    docker_guests: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """`host=lxc/101,…`: the guest or node that each Docker host runs on; else one of its name."""
    proxmox_scope: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Tags a guest must carry to be acted on, `*` for any; empty: a person decides each time."""
    proxmox_memory_cap_mb: int = Field(default=8192, ge=16)

    telegram_bot_token: SecretStr | None = None
    telegram_chat_id: str = ""
    telegram_base_url: str = ""
    heartbeat_url: SecretStr | None = None

    openai_api_key: SecretStr | None = None
    """Without it and without LLM_BASE_URL no model is ever asked."""
    llm_model: str = "gpt-4o-mini"
    llm_base_url: str = ""
    """Any OpenAI-compatible server: Ollama, vLLM; empty: OpenAI."""
    llm_mode: LlmMode = "auto"
    llm_timeout_s: float = Field(default=15.0, gt=0, le=120)
    """One call; a model of 14 billion parameters on a processor takes a minute or more."""
    llm_max_tokens: int = Field(default=400, ge=100)
    """What one answer may have at most; models that think aloud need more."""
    llm_budget_incident: int = Field(default=2500, ge=0)
    """Prompt tokens; at most two calls are made in an incident anyway."""
    llm_budget_day: float = Field(default=0.25, ge=0)
    llm_budget_month: float = Field(default=2.50, ge=0)
    llm_price_in: float = Field(default=0.15, ge=0)
    """Dollars for a million tokens of prompt."""
    llm_price_out: float = Field(default=0.60, ge=0)
    nightshift_prompts: Path | None = None
    nightshift_tools: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Read-only functions of your own, `module:function` or `/path/file.py:function`."""
    nightshift_mcp: Path | None = None
    """A file of MCP servers and the tools of theirs that may be asked."""

    qdrant_url: str = ""
    """A Qdrant server, http://qdrant:6333; empty: the engine in this process."""
    qdrant_api_key: SecretStr | None = None
    qdrant_timeout_s: int = Field(default=4, ge=1, le=8)
    nightshift_embeddings: Literal["auto", "lexical", "openai"] = "auto"
    """`auto`: a model with EMBEDDINGS_BASE_URL, or a key of OpenAI's; else lexical, for nothing."""
    embeddings_model: str = "text-embedding-3-small"
    embeddings_dim: int = Field(default=1536, ge=1)
    """How many floats the model's vectors have."""
    nightshift_similar_limit: int = Field(default=5, ge=0, le=50)
    """How many similar incidents a new one is compared with; 0 asks memory for none."""
    embeddings_base_url: str = ""
    """Any OpenAI-compatible server of embeddings; empty: OpenAI."""

    _split_pairs = field_validator(
        "nightshift_modes",
        "docker_hosts",
        "docker_addresses",
        "docker_scope",
        "docker_guests",
        mode="before",
    )(_pairs)
    _split_words = field_validator(
        "nightshift_protected",
        "nightshift_excluded",
        "proxmox_scope",
        "nightshift_tools",
        mode="before",
    )(_words)
    _check_web = field_validator(
        "prometheus_url", "alertmanager_url", "telegram_base_url", "heartbeat_url"
    )(_web)
    _check_database = field_validator("database_url")(_server)
    _check_hosts = field_validator("docker_hosts")(_addressed)

    def limits(self) -> Limits:
        """The bounds of a run, without what wiring computes (protected names, own host)."""
        return Limits(
            tenant=self.nightshift_tenant,
            mode=self.nightshift_mode,
            modes=self.nightshift_modes,
            scope=self.docker_scope,
            excluded=self.nightshift_excluded,
            protected=self.nightshift_protected,
            docker_guests=self.docker_guests,
            guest_scope=self.proxmox_scope,
            guest_memory_cap=self.proxmox_memory_cap_mb * 1024**2,
            max_attempts=self.nightshift_max_attempts,
            max_actions_per_hour=self.nightshift_max_actions_per_hour,
            max_actions_per_target_hour=self.nightshift_max_actions_per_target_hour,
            max_actions_at_once=self.nightshift_max_actions_at_once,
            cooldown_s=self.nightshift_cooldown_s,
            latch_after=self.nightshift_latch_after,
            latch_quiet_s=self.nightshift_latch_quiet_s,
            latch_remind_s=self.nightshift_latch_remind_s,
            approval_ttl_s=self.nightshift_approval_ttl_s,
            verify_for_s=self.nightshift_verify_for_s,
            verify_guest_for_s=self.nightshift_verify_guest_for_s,
            stable_for_s=self.nightshift_stable_for_s,
            settle_s=self.nightshift_settle_s,
            memory_cap=self.nightshift_memory_cap_mb * 1024**2,
            similar_limit=self.nightshift_similar_limit,
            llm_mode=self.llm_mode,
        )


def load(**overrides: Any) -> Settings:
    """Read the environment, with command-line values on top.

    Raises BadConfiguration naming every bad variable; a secret's value is never repeated.
    """
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise BadConfiguration("these settings are wrong:\n" + "\n".join(lines)) from None
