--[[
A node reports to a pool: it lives, the epoch that it serves, its exchanges in flight on each server, and
how long they take where it measures that.

Race: none that matters, each node writes its own fields. What a node says counts only while its lease
lives, so a crash leaves no count behind.

KEYS[1] ns:{pool}:epoch    STRING
KEYS[2] ns:{pool}:servers  ZSET
KEYS[3] ns:{pool}:nodes    ZSET
KEYS[4] ns:{pool}:seen     HASH
KEYS[5] ns:{pool}:load     HASH
KEYS[6] ns:{pool}:latency  HASH    gone 30 s after the last report with a latency

ARGV[1] node id
ARGV[2] lease, ms, above 0
ARGV[3] epoch that the node serves
ARGV[4] 1: the node's other fields go (first report of a process); 0: they stay
ARGV[5] JSON object, server id -> in flight; 0 takes the field away
ARGV[6] 1: the other nodes' loads are wanted too; 2: and their latencies; 0: neither
ARGV[7] JSON object, server id -> latency, microseconds; 0 takes the field away

Returns {epoch, loads, latencies}: the pool's epoch, 0 when it has none; JSON object, server id -> in flight
  from the other live nodes; JSON object, server id -> the highest latency that one of them reports. Both
  are empty where they are not wanted.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include natural
--- @include epoch_of
--- @include now_ms
--- @include of_type
--- @include renew
local epoch_key, servers, nodes, seen, load, latency = unpack(KEYS)
local node, lease_ms, epoch_seen, replace, loads, wanted, latencies = unpack(ARGV)
local LATENCY_TTL_S = 30
of_type(servers, 'zset')
of_type(nodes, 'zset')
of_type(seen, 'hash')
of_type(load, 'hash')
of_type(latency, 'hash')
renew(nodes, node, lease_ms, now_ms())
redis.call('HSET', seen, node, epoch_seen)
local prefix = node .. '/'

local function report(key, changes)
  if replace == '1' then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, #prefix) == prefix then redis.call('HDEL', key, field) end
    end
  end
  for server, value in pairs(changes) do
    if value > 0 and redis.call('ZSCORE', servers, server) then
      redis.call('HSET', key, prefix .. server, value)
    else
      redis.call('HDEL', key, prefix .. server)
    end
  end
end

local live
local function is_live(other)
  if not live then
    live = {}
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', nodes, '(' .. now_ms(), '+inf')) do live[id] = true end
  end
  return other ~= node and live[other]
end

local function joined(key, join)
  local result, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local other, server = string.match(flat[i], '^([^/]*)/(.*)$')
    if is_live(other) then
      result[server] = join(result[server] or 0, natural(flat[i + 1]) or 0)
    elseif other ~= node and key == latency then
      redis.call('HDEL', key, flat[i]) -- of a dead node; loads are swept
    end
  end
  return result
end

report(load, cjson.decode(loads))
local measured = cjson.decode(latencies)
report(latency, measured)
if next(measured) then redis.call('EXPIRE', latency, LATENCY_TTL_S) end
local load_elsewhere, latency_elsewhere = {}, {}
if wanted ~= '0' then load_elsewhere = joined(load, function(a, b) return a + b end) end
if wanted == '2' then latency_elsewhere = joined(latency, math.max) end
return {epoch_of(epoch_key), cjson.encode(load_elsewhere), cjson.encode(latency_elsewhere)}
