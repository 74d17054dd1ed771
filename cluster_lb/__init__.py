"""cluster-lb: a load balancer that is itself a cluster."""

__version__ = "0.1.0"
