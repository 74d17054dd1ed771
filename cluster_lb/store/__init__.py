"""All Redis: the only folder that imports it. `docs/redis.md` has the keys, scripts and recipes."""
