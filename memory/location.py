"""Where a person's shell finds the service's data. Not here: any other setting.

The service's own settings live above this floor (nightshift/settings.py); these two have the
same names and defaults there.
"""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Location(BaseSettings):
    """`NIGHTSHIFT_DATA_DIR` and `NIGHTSHIFT_TENANT`, from the environment or `.env`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    nightshift_data_dir: Path = Path("data")
    nightshift_tenant: str = "default"
