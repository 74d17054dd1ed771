--[[
Reads what a node said of itself.

Race: none, it writes nothing.

KEYS[1] ns:member:<node>  HASH

ARGV: none

Returns {field, text, field, ...}; empty when it said nothing, or a key of another type is there.
Publishes nothing.
Time source: none.
]]
local flat = redis.pcall('HGETALL', KEYS[1])
return flat.err and {} or flat
