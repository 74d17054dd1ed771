--[[
Retires the servers of a pool whose lease ended. Any node calls it each second; within 900 ms only the
first call works.

  hold               nobody swept for 3 s: Redis was frozen, empty or alone, so nobody could heartbeat
                     either. None is retired for two leases.
  back               now is before the last sweep: Redis' clock went back (a failover). No server came later than
                     now, and no lease is longer than one can be; then as after a silence.
  self-preservation  a lease ended, and over half of the servers missed their last heartbeats (less than
                     a third of their lease is left): the servers are cut off rather than dead. Whose lease
                     ends within the next lease time stays, marked stale, for one further lease. A verdict
                     DOWN says that it is dead indeed: it leaves at once.
  else               it leaves.

Race: calls run one at a time; the time of the last one is in the sweep hash.

KEYS[1] ns:{pool}:epoch     STRING
KEYS[2] ns:{pool}:servers   ZSET
KEYS[3] ns:{pool}:server:   HASH, prefix of the servers' hashes
KEYS[4] ns:{pool}:verdicts  HASH
KEYS[5] ns:{pool}:votes:    HASH, prefix of the servers' votes
KEYS[6] ns:{pool}:nodes     ZSET
KEYS[7] ns:{pool}:load      HASH
KEYS[8] ns:{pool}:seen      HASH
KEYS[9] ns:{pool}:sweep     HASH    at_ms, hold_until_ms, preserve_until_ms

ARGV[1] channel of the hints
ARGV[2] pool name

Returns JSON {"retired": [id], "stale": [id newly marked], "held": bool, "registered": number before}
     or nil when it was swept less than 900 ms ago.
Publishes what=sweep when a server left.
Time source: Redis TIME.
]]
--- @include natural
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
--- @include retire
local epoch, servers, server_prefix, verdicts, votes_prefix, nodes, load, seen, sweep = unpack(KEYS)
local channel, pool = unpack(ARGV)
local SWEPT_MS, SILENCE_MS, DEFAULT_LEASE_MS = 900, 3000, 6000
local now = now_ms()

of_type(servers, 'zset')
of_type(verdicts, 'hash')
of_type(nodes, 'zset')
of_type(load, 'hash')
of_type(seen, 'hash')
of_type(sweep, 'hash')
local state = hash_of(sweep)
local at = natural(state.at_ms)
if at and now - at < SWEPT_MS and now >= at then return nil end
redis.call('HSET', sweep, 'at_ms', now)

-- What dead nodes left behind.
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do
  for _, field in ipairs(redis.call('HKEYS', load)) do
    if string.sub(field, 1, #node + 1) == node .. '/' then redis.call('HDEL', load, field) end
  end
  redis.call('HDEL', seen, node)
  redis.call('ZREM', nodes, node)
end

local function lease_of(id)
  of_type(server_prefix .. id, 'hash')
  return natural(redis.call('HGET', server_prefix .. id, 'ttl_ms')) or DEFAULT_LEASE_MS
end

local function turn_back()
  for _, id in ipairs(redis.call('ZRANGE', servers, 0, -1)) do
    local server, latest = server_prefix .. id, now + 2 * lease_of(id) -- what a re-seeding gives
    if tonumber(redis.call('ZSCORE', servers, id)) > latest then redis.call('ZADD', servers, latest, id) end
    for _, field in ipairs({'registered_at_ms', 'warming_from_ms', 'back_at_ms'}) do
      if (natural(redis.call('HGET', server, field)) or 0) > now then redis.call('HSET', server, field, now) end
    end
  end
end

local went_back = at and now < at
if went_back then turn_back() end
local silent = not at or went_back or now - at > SILENCE_MS
local ended = redis.call('ZCOUNT', servers, '-inf', now)
local total = redis.call('ZCARD', servers)
local result = {retired = {}, stale = {}, held = false, registered = total}
if not silent and ended == 0 then return cjson.encode(result) end

local all, late, longest = redis.call('ZRANGE', servers, 0, -1, 'WITHSCORES'), 0, 0
for i = 1, #all, 2 do
  local lease = lease_of(all[i])
  longest = math.max(longest, lease)
  if all[i + 1] - now <= lease / 3 then late = late + 1 end
end
if silent then
  state.hold_until_ms = now + 2 * longest
  redis.call('HSET', sweep, 'hold_until_ms', state.hold_until_ms)
end
if now < (natural(state.hold_until_ms) or 0) then
  result.held = ended > 0
  return cjson.encode(result)
end
local preserve_until = math.min(natural(state.preserve_until_ms) or 0, now + longest)
if 2 * late > total then
  preserve_until = now + longest
  redis.call('HSET', sweep, 'preserve_until_ms', preserve_until)
end

local function is_down(id)
  local verdict = redis.call('HGET', verdicts, id)
  return verdict and string.find(verdict, '"health":%s*"DOWN"') ~= nil
end
for i = 1, #all, 2 do
  local id, deadline = all[i], tonumber(all[i + 1])
  if deadline <= now then
    local server = server_prefix .. id
    local stale = redis.call('HGET', server, 'stale') == '1'
    local kept = (stale or now < preserve_until) and now < deadline + lease_of(id) and not is_down(id)
    if not kept then
      retire(servers, server, verdicts, votes_prefix .. id, nodes, load, id, true)
      table.insert(result.retired, id)
    elseif not stale then
      redis.call('HSET', server, 'stale', '1')
      table.insert(result.stale, id)
    end
  end
end
if #result.retired > 0 then announce(epoch, channel, pool, 'sweep', table.concat(result.retired, ' ')) end
return cjson.encode(result)
