"""Where a person's shell finds the service's data. Not here: any other setting.

The service's own settings live above this floor (nightshift/settings.py); these have the same
names and defaults there.
"""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Location(BaseSettings):
    """`NIGHTSHIFT_DATA_DIR`, `NIGHTSHIFT_TENANT`, `DATABASE_URL`: environment or `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    nightshift_data_dir: Path = Path("data")
    nightshift_tenant: str = "default"
    database_url: SecretStr | None = None

    @property
    def place(self) -> Path | str:
        """Where the store is."""
        url = self.database_url
        return self.nightshift_data_dir if url is None else url.get_secret_value()
