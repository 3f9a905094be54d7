"""The shell: settings, wiring, runs, queue, cli, web. The only place that knows adapters.

Not here: Decisions about incidents.
"""
