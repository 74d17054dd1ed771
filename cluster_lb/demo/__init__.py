"""The demo: a cluster of real processes on this machine, real traffic, and what goes wrong in life.

Reading order: cluster (its processes), client and traffic (the requests), incidents (what is killed and
frozen), watch and screen (what is shown), volumes (a fixed amount of requests, counted exactly).
"""
