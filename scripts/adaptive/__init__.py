"""Adaptive weights in a closed loop: load follows weight, cpu follows load, weight follows reported cpu."""
