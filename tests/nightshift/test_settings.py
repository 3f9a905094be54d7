"""The environment: every name, every cast, every refusal."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.errors import BadConfiguration
from domain.limits import Limits
from nightshift.settings import YEAR_S, Settings, load

VALUES: dict[str, tuple[str, object]] = {
    "NIGHTSHIFT_HOST": ("0.0.0.0", "0.0.0.0"),  # noqa: S104  # only parsed here
    "NIGHTSHIFT_PORT": ("8080", 8080),
    "NIGHTSHIFT_DATA_DIR": ("/var/lib/nightshift", Path("/var/lib/nightshift")),
    "NIGHTSHIFT_TOKEN": ("t0ken", SecretStr("t0ken")),
    "NIGHTSHIFT_BASIC_AUTH": ("ann:pass", SecretStr("ann:pass")),
    "NIGHTSHIFT_TENANT": ("home", "home"),
    "NIGHTSHIFT_MODE": ("approve", "approve"),
    "NIGHTSHIFT_MODES": ("restart=approve, db=observe", {"restart": "approve", "db": "observe"}),
    "DATABASE_URL": ("postgresql://me:pw@db/x", SecretStr("postgresql://me:pw@db/x")),
    "NIGHTSHIFT_PROTECTED": ("vpn, dns", ["vpn", "dns"]),
    "NIGHTSHIFT_EXCLUDED": ("scratch,team=other", ["scratch", "team=other"]),
    "NIGHTSHIFT_RUNBOOKS": ("/etc/runbooks", Path("/etc/runbooks")),
    "NIGHTSHIFT_WORKERS": ("3", 3),
    "NIGHTSHIFT_CHECK_EVERY_S": ("0", 0.0),
    "NIGHTSHIFT_KEEP_CHECKPOINTS_DAYS": ("2", 2.0),
    "NIGHTSHIFT_LOG_LEVEL": ("DEBUG", "DEBUG"),
    "NIGHTSHIFT_LOG_JSON": ("true", True),
    "NIGHTSHIFT_MAX_ATTEMPTS": ("2", 2),
    "NIGHTSHIFT_MAX_ACTIONS_PER_HOUR": ("0", 0),
    "NIGHTSHIFT_MAX_ACTIONS_PER_TARGET_HOUR": ("1", 1),
    "NIGHTSHIFT_MAX_ACTIONS_AT_ONCE": ("5", 5),
    "NIGHTSHIFT_COOLDOWN_S": ("60", 60.0),
    "NIGHTSHIFT_APPROVAL_TTL_S": ("90.5", 90.5),
    "NIGHTSHIFT_ONE_CORE": ("false", False),
    "NIGHTSHIFT_WAITING_DELIVERIES": ("8", 8),
    "NIGHTSHIFT_DIGEST_AFTER": ("5", 5),
    "NIGHTSHIFT_LATCH_AFTER": ("4", 4),
    "NIGHTSHIFT_LATCH_QUIET_S": ("7200", 7200.0),
    "NIGHTSHIFT_LATCH_REMIND_S": ("3600", 3600.0),
    "NIGHTSHIFT_VERIFY_FOR_S": ("12", 12.0),
    "NIGHTSHIFT_VERIFY_GUEST_FOR_S": ("240", 240.0),
    "NIGHTSHIFT_STABLE_FOR_S": ("0", 0.0),
    "NIGHTSHIFT_SETTLE_S": ("1", 1.0),
    "NIGHTSHIFT_MEMORY_CAP_MB": ("512", 512),
    "DOCKER_HOSTS": (
        "nas=tcp://10.0.0.7:2375,here=unix:///var/run/docker.sock",
        {"nas": "tcp://10.0.0.7:2375", "here": "unix:///var/run/docker.sock"},
    ),
    "DOCKER_ADDRESSES": ("nas=10.8.0.7 nas.lan", {"nas": "10.8.0.7 nas.lan"}),
    "DOCKER_SCOPE": ("nightshift.enable=true,tier", {"nightshift.enable": "true", "tier": ""}),
    "DOCKER_TIMEOUT_S": ("2.5", 2.5),
    "DOCKER_STOP_GRACE_S": ("1", 1),
    "PROMETHEUS_URL": ("http://prometheus:9090", "http://prometheus:9090"),
    "PROMETHEUS_TIMEOUT_S": ("1", 1.0),
    "ALERTMANAGER_URL": ("https://am.lan", "https://am.lan"),
    "TELEGRAM_BOT_TOKEN": ("1:a", SecretStr("1:a")),
    "TELEGRAM_CHAT_ID": ("-42", "-42"),
    "TELEGRAM_BASE_URL": ("http://bots.lan/bot", "http://bots.lan/bot"),
    "HEARTBEAT_URL": ("https://hc.lan/uuid", SecretStr("https://hc.lan/uuid")),
    "PROXMOX_HOST": ("pve1.lan", "pve1.lan"),
    "PROXMOX_USER": ("nightshift@pve", "nightshift@pve"),
    "PROXMOX_PASSWORD": ("p", SecretStr("p")),
    "PROXMOX_TOKEN_NAME": ("t", "t"),
    "PROXMOX_TOKEN_VALUE": ("v", SecretStr("v")),
    "PROXMOX_CA": ("/etc/pve-ca.pem", Path("/etc/pve-ca.pem")),
    "PROXMOX_TIMEOUT_S": ("20", 20.0),
    "PROXMOX_TASK_TIMEOUT_S": ("90", 90.0),
    "PROXMOX_SCOPE": ("home, lab", ["home", "lab"]),
    "PROXMOX_MEMORY_CAP_MB": ("2048", 2048),
    "DOCKER_GUESTS": ("local=lxc/101", {"local": "lxc/101"}),
    "OPENAI_API_KEY": ("sk-x", SecretStr("sk-x")),
    "LLM_MODEL": ("llama3", "llama3"),
    "LLM_BASE_URL": ("http://ollama:11434/v1", "http://ollama:11434/v1"),
    "LLM_MODE": ("always", "always"),
    "LLM_TIMEOUT_S": ("8", 8.0),
    "LLM_MAX_TOKENS": ("300", 300),
    "LLM_BUDGET_INCIDENT": ("2000", 2000),
    "LLM_BUDGET_DAY": ("0.1", 0.1),
    "LLM_BUDGET_MONTH": ("1", 1.0),
    "LLM_PRICE_IN": ("0", 0.0),
    "LLM_PRICE_OUT": ("0", 0.0),
    "NIGHTSHIFT_PROMPTS": ("/etc/prompts", Path("/etc/prompts")),
    "NIGHTSHIFT_TOOLS": ("ping_tool:ping", ["ping_tool:ping"]),
    "NIGHTSHIFT_MCP": ("/etc/mcp.json", Path("/etc/mcp.json")),
    "QDRANT_URL": ("http://qdrant:6333", "http://qdrant:6333"),
    "QDRANT_API_KEY": ("q", SecretStr("q")),
    "QDRANT_TIMEOUT_S": ("3", 3),
    "NIGHTSHIFT_EMBEDDINGS": ("lexical", "lexical"),
    "EMBEDDINGS_MODEL": ("nomic", "nomic"),
    "EMBEDDINGS_DIM": ("768", 768),
    "NIGHTSHIFT_SIMILAR_LIMIT": ("9", 9),
    "EMBEDDINGS_BASE_URL": ("http://ollama:11434/v1", "http://ollama:11434/v1"),
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of this directory and no setting of this shell is seen."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def refusal(**values: str) -> str:
    """What `load` says to these values."""
    with pytest.raises(BadConfiguration) as refused:
        load(**{key.lower(): value for key, value in values.items()})
    return str(refused.value)


def test_every_setting_is_tried_here() -> None:
    """A new one needs a line above."""
    assert set(VALUES) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", VALUES)
def test_an_environment_variable_is_cast(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text becomes the value that the code works with."""
    text, value = VALUES[name]
    monkeypatch.setenv(name, text)

    assert getattr(load(), name.lower()) == value


def test_what_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NAME=` in a compose file is the default."""
    for name in VALUES:
        monkeypatch.setenv(name, "")

    assert load() == Settings(_env_file=None)


def test_the_env_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown lines in it are somebody else's."""
    (tmp_path / ".env").write_text("NIGHTSHIFT_PORT=1\nNIGHTSHIFT_WORKERS=2\nOTHER=x\n")
    monkeypatch.setenv("NIGHTSHIFT_PORT", "3")
    found = load()

    assert (found.nightshift_port, found.nightshift_workers) == (3, 2)


def test_the_command_line_wins_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves out stays as the environment has it."""
    monkeypatch.setenv("NIGHTSHIFT_HOST", "10.0.0.1")
    monkeypatch.setenv("NIGHTSHIFT_PORT", "1")
    found = load(nightshift_host=None, nightshift_port=8080)

    assert (found.nightshift_host, found.nightshift_port) == ("10.0.0.1", 8080)


def test_blanks_around_a_value_are_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token pasted with its line end still opens the door."""
    monkeypatch.setenv("NIGHTSHIFT_TOKEN", " t0ken\n")
    token = load().nightshift_token

    assert token
    assert token.get_secret_value() == "t0ken"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIGHTSHIFT_PORT", "http"),
        ("NIGHTSHIFT_PORT", "65536"),
        ("NIGHTSHIFT_MODE", "yolo"),
        ("NIGHTSHIFT_MODES", "db=yolo"),
        ("NIGHTSHIFT_MODES", "db"),
        ("NIGHTSHIFT_WORKERS", "0"),
        ("NIGHTSHIFT_LOG_JSON", "perhaps"),
        ("NIGHTSHIFT_MAX_ATTEMPTS", "11"),
        ("NIGHTSHIFT_COOLDOWN_S", "-1"),
        ("NIGHTSHIFT_COOLDOWN_S", "inf"),
        ("NIGHTSHIFT_SETTLE_S", "nan"),
        ("NIGHTSHIFT_APPROVAL_TTL_S", str(YEAR_S + 1)),
        ("NIGHTSHIFT_VERIFY_FOR_S", "0"),
        ("NIGHTSHIFT_MEMORY_CAP_MB", "5"),
        ("DOCKER_HOSTS", "nas"),
        ("DOCKER_HOSTS", "nas=10.0.0.7"),
        ("DOCKER_TIMEOUT_S", "soon"),
        ("PROMETHEUS_URL", "prometheus:9090"),
        ("ALERTMANAGER_URL", "file:///etc/passwd"),
        ("TELEGRAM_BASE_URL", "bots.lan"),
        ("HEARTBEAT_URL", "hc.lan"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    """The process does not start; the sentence names the variable."""
    said = refusal(**{name: value})

    assert said.startswith("these settings are wrong:")
    assert name in said


def test_every_bad_value_is_named_at_once() -> None:
    """Nobody mends them one start at a time."""
    said = refusal(NIGHTSHIFT_PORT="http", DOCKER_HOSTS="nas", NIGHTSHIFT_MODE="yolo")

    assert all(name in said for name in ("NIGHTSHIFT_PORT", "DOCKER_HOSTS", "NIGHTSHIFT_MODE"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEARTBEAT_URL", "s3cret-token"),
        ("PROMETHEUS_URL", "ann:s3cret@prometheus"),
        ("DOCKER_HOSTS", "tcp://ann:s3cret@nas"),
        ("NIGHTSHIFT_PORT", "s3cret"),
    ],
)
def test_a_refusal_never_repeats_the_value(name: str, value: str) -> None:
    """Logs of a failed start are pasted into forums."""
    assert "s3cret" not in refusal(**{name: value})


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    """In `repr` and in JSON."""
    names = ("nightshift_token", "nightshift_basic_auth", "telegram_bot_token", "heartbeat_url")
    found = load(**dict.fromkeys(names, "https://s3cret"))

    assert "s3cret" not in repr(found)
    assert "s3cret" not in found.model_dump_json()


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1,b=2", {"a": "1", "b": "2"}),
        (" a = 1 , b ", {"a": "1", "b": ""}),
        ("a=b=c", {"a": "b=c"}),
        (",,a=1,", {"a": "1"}),
        ("a=1,a=2", {"a": "2"}),
    ],
)
def test_pairs(text: str, pairs: dict[str, str]) -> None:
    """Commas between, the first equals sign within; blanks are nothing."""
    assert load(docker_scope=text).docker_scope == pairs


@pytest.mark.parametrize(
    ("text", "words"),
    [("a", ["a"]), (" a ,, b, ", ["a", "b"]), (",", []), ("a=b", ["a=b"])],
)
def test_words(text: str, words: list[str]) -> None:
    """Commas between; blanks are nothing."""
    assert load(nightshift_excluded=text).nightshift_excluded == words


def test_the_defaults_are_the_products() -> None:
    """Nothing set: the limits are those that the domain documents, with no scope."""
    assert load().limits() == Limits()


def test_limits_carry_what_is_set() -> None:
    """Every bound of a run comes from its setting, sizes in bytes."""
    given = {name.lower(): text for name, (text, _) in VALUES.items()}
    limits = load(**given).limits()

    assert limits == Limits(
        tenant="home",
        llm_mode="always",
        docker_guests={"local": "lxc/101"},
        guest_scope=["home", "lab"],
        guest_memory_cap=2048 * 1024**2,
        mode="approve",
        modes={"restart": "approve", "db": "observe"},
        scope={"nightshift.enable": "true", "tier": ""},
        excluded=["scratch", "team=other"],
        protected=["vpn", "dns"],
        max_attempts=2,
        max_actions_per_hour=0,
        max_actions_per_target_hour=1,
        max_actions_at_once=5,
        cooldown_s=60.0,
        approval_ttl_s=90.5,
        latch_after=4,
        latch_quiet_s=7200.0,
        latch_remind_s=3600.0,
        verify_for_s=12.0,
        verify_guest_for_s=240.0,
        similar_limit=9,
        stable_for_s=0.0,
        settle_s=1.0,
        memory_cap=512 * 1024**2,
    )


@pytest.mark.parametrize(
    ("mode", "modes", "found"),
    [
        ("auto", "", "auto"),
        ("auto", "restart=approve", "approve"),
        ("auto", "db=observe,restart=approve", "observe"),
        ("auto", "restart@db=approve", "approve"),
        ("auto", "restart@web=observe,start=observe", "auto"),
        ("approve", "restart=auto,db=auto", "approve"),
        ("observe", "restart@db=auto", "observe"),
    ],
)
def test_the_strictest_mode_applies(mode: str, modes: str, found: str) -> None:
    """The general one is the ceiling; nothing loosens it."""
    limits = load(nightshift_mode=mode, nightshift_modes=modes).limits()

    assert limits.mode_for("restart", "db") == found


@pytest.mark.parametrize("url", ["mysql://me:hunter2@db/x", "sqlite:///hunter2", "hunter2"])
def test_a_database_that_is_none_of_ours(url: str) -> None:
    """Only PostgreSQL is named by address, and what was given is not repeated."""
    why = refusal(DATABASE_URL=url)

    assert "DATABASE_URL" in why
    assert "postgresql://" in why
    assert "hunter2" not in why
