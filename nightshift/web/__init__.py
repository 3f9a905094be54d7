"""The HTTP face: one file per group of routes.

Not here: Decisions about incidents, or HTML.
"""
