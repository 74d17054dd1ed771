--[[
Reads who voted what on the servers of a pool: what explains a verdict to people. Only live nodes' votes.

Race: none, it writes nothing.

KEYS[1] ns:{pool}:servers  ZSET
KEYS[2] ns:{pool}:votes:   HASH, prefix of the servers' votes
KEYS[3] ns:{pool}:nodes    ZSET

ARGV: none

Returns JSON {server id: {node: JSON text of its vote}}; servers without votes are left out. A key of another
  type reads as empty.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include hash_of
local servers, votes_prefix, nodes = unpack(KEYS)
local live, found = {}, {}
for _, node in ipairs(redis.pcall('ZRANGEBYSCORE', nodes, '(' .. now_ms(), '+inf')) do live[node] = true end
for _, id in ipairs(redis.pcall('ZRANGE', servers, 0, -1)) do
  for node, text in pairs(hash_of(votes_prefix .. id)) do
    if live[node] then
      found[id] = found[id] or {}
      found[id][node] = text
    end
  end
end
return cjson.encode(found)
