"""`python -m cluster_lb` is `cluster-lb`."""

from cluster_lb.cli import main

if __name__ == "__main__":
    main()
