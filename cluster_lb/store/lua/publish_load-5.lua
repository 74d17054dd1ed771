--[[
A node reports to a pool: it lives, the epoch that it serves, and its exchanges in flight on each server.

Race: none that matters, each node writes its own fields. The load counts only while the node's lease
lives, so a crash leaves no count behind.

KEYS[1] ns:{pool}:epoch    STRING
KEYS[2] ns:{pool}:servers  ZSET
KEYS[3] ns:{pool}:nodes    ZSET
KEYS[4] ns:{pool}:seen     HASH
KEYS[5] ns:{pool}:load     HASH

ARGV[1] node id
ARGV[2] lease, ms, above 0
ARGV[3] epoch that the node serves
ARGV[4] 1: the node's other fields go (first report of a process); 0: they stay
ARGV[5] JSON object, server id -> in flight; 0 takes the field away

Returns the pool's epoch, 0 when it has none.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include of_type
local epoch_key, servers, nodes, seen, load = unpack(KEYS)
local node, lease_ms, epoch_seen, replace = unpack(ARGV, 1, 4)
of_type(nodes, 'zset')
of_type(seen, 'hash')
of_type(load, 'hash')
redis.call('ZADD', nodes, now_ms() + lease_ms, node)
redis.call('HSET', seen, node, epoch_seen)
local prefix = node .. '/'
if replace == '1' then
  for _, field in ipairs(redis.call('HKEYS', load)) do
    if string.sub(field, 1, #prefix) == prefix then redis.call('HDEL', load, field) end
  end
end
for server, in_flight in pairs(cjson.decode(ARGV[5])) do
  if in_flight > 0 and redis.call('ZSCORE', servers, server) then
    redis.call('HSET', load, prefix .. server, in_flight)
  else
    redis.call('HDEL', load, prefix .. server)
  end
end
local epoch = redis.pcall('GET', epoch_key)
if type(epoch) == 'table' then return 0 end
return tonumber(epoch or 0) or 0
