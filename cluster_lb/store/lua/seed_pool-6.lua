--[[
Gives back to Redis what a node knows of a pool: Redis came back empty, older, or with the pool made
anew by a heartbeat. Merges: what is there stays, what is absent returns. When what is there is younger
in origin or older in epoch than what the node knows, the node's operator marks and config hold too.

Race: several nodes do it at once. Each adds what it alone knows; the pool keeps the earliest created_ms
and the highest `seeds`, so that all converge and none seeds for ever.

KEYS[1] ns:{pool}:config    HASH
KEYS[2] ns:{pool}:epoch     STRING
KEYS[3] ns:{pool}:servers   ZSET
KEYS[4] ns:{pool}:server:   HASH, prefix of the servers' hashes
KEYS[5] ns:{pool}:verdicts  HASH
KEYS[6] ns:{pool}:sweep     HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] JSON, as read_pool returned it: epoch, config, servers, verdicts
ARGV[4] seeds: number of this re-seeding, one above the one known

Returns the epoch: at least the known one, and above it and the present one when something changed.
Publishes what=seed when something changed.
Time source: Redis TIME.
]]
--- @include natural
--- @include epoch_of
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
local config_key, epoch_key, servers, server_prefix, verdicts, sweep = unpack(KEYS)
local channel, pool, seeds = ARGV[1], ARGV[2], tonumber(ARGV[4])
local known = cjson.decode(ARGV[3])
local now, changed, longest = now_ms(), false, 0

of_type(config_key, 'hash')
of_type(servers, 'zset')
of_type(verdicts, 'hash')
of_type(sweep, 'hash')

local config = hash_of(config_key)
local epoch = epoch_of(epoch_key)
local created, known_created = natural(config.created_ms), natural(known.config.created_ms)
local outdated = epoch < known.epoch or not created or (known_created and created > known_created)

local revision = natural(config.revision) or -1
if revision < (natural(known.config.revision) or 0) then
  redis.call('DEL', config_key)
  for field, value in pairs(known.config) do redis.call('HSET', config_key, field, value) end
  changed = true
end
redis.call('HSET', config_key,
  'created_ms', math.min(created or now, known_created or now),
  'seeds', math.max(natural(config.seeds) or 0, seeds))

-- Of two secrets of sticky cookies the older one holds: clients carry what it signed.
for _, field in ipairs({'sticky_secret', 'sticky_secret_before'}) do
  local value = known.config[field]
  if value and (outdated or redis.call('HEXISTS', config_key, field) == 0) then
    if redis.call('HGET', config_key, field) ~= value then
      redis.call('HSET', config_key, field, value)
      changed = true
    end
  end
end

for id, server in pairs(known.servers) do
  local key, fields = server_prefix .. id, server.fields
  of_type(key, 'hash')
  local lease = natural(fields.ttl_ms) or 6000
  longest = math.max(longest, lease)
  local present = redis.call('ZSCORE', servers, id)
  if not present then
    for field, value in pairs(fields) do redis.call('HSETNX', key, field, value) end
    redis.call('PERSIST', key)
    redis.call('ZADD', servers, now + 2 * lease, id)
    changed = true
  end
  if outdated then
    if fields.admin_state then redis.call('HSET', key, 'admin_state', fields.admin_state) end
    if fields.admin_weight then redis.call('HSET', key, 'admin_weight', fields.admin_weight) end
  end
  if (outdated or not present) and known.verdicts[id] then
    if redis.call('HSETNX', verdicts, id, known.verdicts[id]) == 1 then changed = true end
  end
end

if outdated then
  redis.call('HSET', sweep, 'at_ms', now, 'hold_until_ms', now + 2 * longest)
  redis.call('SET', epoch_key, math.max(epoch, known.epoch))
end
if outdated or changed then return announce(epoch_key, channel, pool, 'seed', '') end
return epoch
