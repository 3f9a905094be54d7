"""One vendor a file, each behind a port of domain: Docker, Prometheus, Telegram, runbooks.

Not here: Decisions, or knowledge of another tool.
"""
