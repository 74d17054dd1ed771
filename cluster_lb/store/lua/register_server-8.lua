--[[
Registers a server, or renews its lease: an idempotent upsert that carries the full record, so that a
heartbeat repairs whatever Redis forgot.

Race: scripts run one at a time. Two callers with the same id: the later record holds. Two servers at
once: two epochs. A sweep between two heartbeats: the second registers the server anew.

KEYS[1] ns:{pool}:config       HASH    created when the pool is new
KEYS[2] ns:{pool}:epoch        STRING
KEYS[3] ns:{pool}:servers      ZSET
KEYS[4] ns:{pool}:server:<id>  HASH
KEYS[5] ns:{pool}:verdicts     HASH
KEYS[6] ns:{pool}:votes:<id>   HASH
KEYS[7] ns:{pool}:sweep        HASH    at_ms is set when the pool is new
KEYS[8] ns:{pool}:weights      HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] server id
ARGV[4] address, host:port
ARGV[5] weight, 0..256
ARGV[6] zone, may be empty
ARGV[7] lease, ms, above 0
ARGV[8] 1: the pool may be created; 0: it must exist
ARGV[9] the config field `allow` that the caller checked the address against; '' when there is none
ARGV[10] report, JSON object of numbers
ARGV[11] priority, 0..128
ARGV[12] instance: another one than before says that the server was started anew; '': unknown
ARGV[13] what the server says of itself: up, busy, drain or down
ARGV[14] its reason for that, may be empty

Returns {1, epoch, 1 when the pool was created else 0}
     or {0} when the pool does not exist and may not be created
     or {-1, allow} when `allow` is another: nothing is written, check the address and call again.
Publishes what=register when the server is new or was started anew (what ejected it is void then), or its
  address, zone, priority or weight changed; else what=state when what it says of itself changed.
Time source: Redis TIME.
]]
--- @include natural
--- @include epoch_of
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
--- @include begin_warm_up
--- @include come_back
--- @include is_down_by_words
--- @include left_by
local config, epoch, servers, server, verdicts, votes, sweep, weights = unpack(KEYS)
local channel, pool, id, address, weight, zone, ttl_ms = unpack(ARGV, 1, 7)
local may_create, allow = ARGV[8], ARGV[9]
local report, priority, instance = cjson.decode(ARGV[10]), ARGV[11], ARGV[12]
local state, state_reason = ARGV[13], ARGV[14]
local now = now_ms()

of_type(config, 'hash')
of_type(servers, 'zset')
of_type(server, 'hash')
of_type(verdicts, 'hash')
of_type(sweep, 'hash')

local created = 0
if redis.call('EXISTS', config) == 0 then
  if may_create ~= '1' then return {0} end
  created = 1
end
local in_force = redis.call('HGET', config, 'allow') or ''
if in_force ~= allow then return {-1, in_force} end

local is_new = not redis.call('ZSCORE', servers, id)
local old = hash_of(server)
local is_restarted = not is_new and instance ~= '' and (old.instance or '') ~= '' and instance ~= old.instance
local fields = {
  'address', address, 'weight', weight, 'zone', zone, 'ttl_ms', ttl_ms, 'stale', '0', 'instance', instance,
  'admin_state', old.admin_state or 'READY',
  'registered_at_ms', (not is_new and not is_restarted and old.registered_at_ms) or now,
  'state', state, 'state_reason', state_reason,
  'priority', priority,
}
for name, value in pairs(report) do
  fields[#fields + 1] = 'report.' .. name
  fields[#fields + 1] = tostring(value)
end
for name in pairs(old) do
  if string.sub(name, 1, 7) == 'report.' and report[string.sub(name, 8)] == nil then
    redis.call('HDEL', server, name)
  end
end
redis.call('HSET', server, unpack(fields))
redis.call('PERSIST', server)
redis.call('ZADD', servers, now + ttl_ms, id)

if created == 1 then
  redis.call('HSET', config, 'created_ms', now, 'revision', 0)
  redis.call('HSET', sweep, 'at_ms', now)
end
if is_new then
  redis.call('HDEL', verdicts, id)
  redis.call('DEL', votes)
end
local begins = is_new or is_restarted
if begins then
  begin_warm_up(weights, server, now)
elseif is_down_by_words(old.state, old.agent_state) and not is_down_by_words(state, old.agent_state) then
  come_back(weights, server, now)
end
local reweighed = old.weight ~= weight and not tonumber(old.admin_weight)
local regrouped = old.zone ~= zone or (old.priority or '0') ~= priority
if begins or old.address ~= address or regrouped or reweighed then
  return {1, announce(epoch, channel, pool, 'register', id, left_by(state)), created}
end
if (old.state or 'up') ~= state then
  return {1, announce(epoch, channel, pool, 'state', id, left_by(state)), created}
end
return {1, epoch_of(epoch), created}
