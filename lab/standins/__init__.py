"""Servers that speak the real protocols of Docker, Prometheus and Telegram over real HTTP.

Not here: what the simulated services do (lab/world.py).
"""
