"""Breakable services, stand-ins that speak real protocols, scenarios and their judge.

Not here: Anything the product needs at run time.
"""
