"""The diagram: builder and routers.

Not here: What nodes do.
"""
