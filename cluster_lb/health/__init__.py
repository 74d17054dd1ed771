"""Health: which servers this node probes, what it saw of them, and which it cannot reach itself."""
