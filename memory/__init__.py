"""What lasts: the ledger, the journal, incident memory and its embeddings.

Not here: Decisions, or vendors that act on the world.
"""

from memory.incidents import IncidentMemory

__all__ = ["IncidentMemory"]
