"""Pure decisions over domain values: guard, ladder, blast radius, location, verdict.

Not here: I/O, a clock, the environment, or awaiting anything.
"""
