--[[
Reads who is a member: the nodes whose lease lives.

Race: none, it writes nothing.

KEYS[1] ns:members  ZSET

Returns {node, what is left of its lease in ms, node, ...}, the longest dead last.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include now_ms
local now = now_ms()
local flat = redis.pcall('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES')
if flat.err then return {} end
for i = 2, #flat, 2 do flat[i] = flat[i] - now end
return flat
