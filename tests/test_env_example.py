"""`.env.example` cannot drift from the settings."""

from pathlib import Path

from dotenv import dotenv_values

from nightshift.settings import Settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"


def _uncommented(tmp_path: Path) -> dict[str, str]:
    lines = EXAMPLE.read_text().splitlines()
    given = [line[1:] for line in lines if line.startswith("#") and line[1:2].isupper()]
    (tmp_path / "env").write_text("\n".join(given))
    return {key: value or "" for key, value in dotenv_values(tmp_path / "env").items()}


def test_every_setting_is_there_once(tmp_path: Path) -> None:
    """Nothing is missing, nothing is left over."""
    names = [name.upper() for name in Settings.model_fields]

    assert sorted(_uncommented(tmp_path)) == sorted(names)


def test_the_defaults_shown_are_the_defaults(tmp_path: Path) -> None:
    """Who takes a comment sign away changes nothing."""
    shown = {key: value for key, value in _uncommented(tmp_path).items() if value}
    plain = Settings(_env_file=None)

    assert Settings.model_validate({k.lower(): v for k, v in shown.items()}) == plain
