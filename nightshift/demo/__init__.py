"""Two incidents, live: the real server before a small shop that breaks twice.

Here: the stage, the script and the screen. Not here: the product; the demo only uses its HTTP.
"""
