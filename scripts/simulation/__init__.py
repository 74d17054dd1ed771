"""The simulation behind scripts/simulate: nodes, servers and clients as events on a clock of its own.

Nodes, tickets and policies are the product's code; servers, traffic, delays and losses are simulated. Nothing
here opens a socket, and the same seed gives the same figures.
"""
