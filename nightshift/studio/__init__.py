"""LangGraph Studio: the same graph and the same routes inside `langgraph dev`, without effects.

Not here: the graph (graph/), the routes (server.py), or the service that acts.
"""
