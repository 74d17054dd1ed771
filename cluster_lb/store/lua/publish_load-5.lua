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
ARGV[6] 1: the other nodes' loads are wanted too; 0: not

Returns {epoch, loads}: the pool's epoch, 0 when it has none; JSON object, server id -> in flight from the
  other live nodes, empty where it is not wanted.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include of_type
local epoch_key, servers, nodes, seen, load = unpack(KEYS)
local node, lease_ms, epoch_seen, replace, changes, wanted = unpack(ARGV)
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
for server, in_flight in pairs(cjson.decode(changes)) do
  if in_flight > 0 and redis.call('ZSCORE', servers, server) then
    redis.call('HSET', load, prefix .. server, in_flight)
  else
    redis.call('HDEL', load, prefix .. server)
  end
end
local epoch = redis.pcall('GET', epoch_key)
if type(epoch) == 'table' then epoch = 0 end
local elsewhere = {}
if wanted == '1' then
  local live = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', nodes, '(' .. now_ms(), '+inf')) do live[id] = true end
  local flat = redis.call('HGETALL', load)
  for i = 1, #flat, 2 do
    local other, server = string.match(flat[i], '^([^/]*)/(.*)$')
    if other ~= node and live[other] then
      elsewhere[server] = (elsewhere[server] or 0) + (tonumber(flat[i + 1]) or 0)
    end
  end
end
return {tonumber(epoch or 0) or 0, cjson.encode(elsewhere)}
