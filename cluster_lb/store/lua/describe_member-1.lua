--[[
Keeps what a node says of itself, for as long as its lease.

Race: none, each node writes its own. Two nodes of one id: each is told what the other wrote.

KEYS[1] ns:member:<node>  HASH, TTL its lease

ARGV[1] lease, ms, above 0
ARGV[2] JSON object, field -> text or number

Returns {field, text, field, ...}: what was there before.
Publishes nothing.
Time source: none.
]]
--- @include of_type
local member = KEYS[1]
local lease_ms, fields = unpack(ARGV)
of_type(member, 'hash')
local before = redis.call('HGETALL', member)
for field, value in pairs(cjson.decode(fields)) do redis.call('HSET', member, field, value) end
redis.call('PEXPIRE', member, lease_ms)
return before
