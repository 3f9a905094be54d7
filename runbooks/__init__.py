"""Runbooks as Markdown, shipped as package data.

Not here: Code.
"""
