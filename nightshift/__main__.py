"""`python -m nightshift`."""

from nightshift.cli import app

app()
