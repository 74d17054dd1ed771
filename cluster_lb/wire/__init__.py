"""HTTP/1.1 without I/O: what is on the wire, what it means, and what is refused."""
