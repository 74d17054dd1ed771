"""The admin API of a node: JSON, metrics and the dashboard; one resource a file. It answers for the whole
cluster: from Redis, or from the node's snapshot while Redis does not answer."""
