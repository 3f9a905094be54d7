"""The words of the problem: types, state, ports and errors.

Not here: I/O, a clock, the environment, or any library beyond pydantic and typing_extensions.
"""
