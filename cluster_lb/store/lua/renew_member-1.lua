--[[
Renews a node's lease in the cluster, and forgets the members whose lease ended.

Race: none that matters, each node writes its own entry; a dead member's entry goes once.

KEYS[1] ns:members  ZSET

ARGV[1] node id
ARGV[2] lease, ms, above 0

Returns the number of live members.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include of_type
--- @include natural
--- @include renew
local members = KEYS[1]
local node, lease_ms = unpack(ARGV)
of_type(members, 'zset')
local now = now_ms()
renew(members, node, lease_ms, now)
redis.call('ZREMRANGEBYSCORE', members, '-inf', now)
return redis.call('ZCARD', members)
