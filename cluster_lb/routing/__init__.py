"""Routing without I/O: which route a request matches, and what routes do to targets and fields."""
