--[[
Adjusts the percent of their weights that the servers of a pool have in force: slow start x adaptive factor.
Any node calls it each second; within 1000 ms (for each 1,000 servers) only the first call works.

  slow start  a server that came into the running pool, or back up, has a part that grows (include/slow_start)
  adaptive    a server that is hotter than the others has a factor under 1 (include/adapt); its reports, and
              the latency that the live nodes see, say so

Race: calls run one at a time; the time of the last one is in the weights hash, so that each report is used
once and one epoch a second is raised at most. Only what changed is written.

KEYS[1] ns:{pool}:config   HASH
KEYS[2] ns:{pool}:epoch    STRING
KEYS[3] ns:{pool}:servers  ZSET
KEYS[4] ns:{pool}:server:  HASH, prefix of the servers' hashes: percent, percent_reason, factor, warming_from_ms
KEYS[5] ns:{pool}:verdicts HASH
KEYS[6] ns:{pool}:nodes    ZSET
KEYS[7] ns:{pool}:latency  HASH
KEYS[8] ns:{pool}:weights  HASH, TTL 5 times that: at_ms; entry_percent, with which a server begins that comes next
KEYS[9] ns:{pool}:ejections HASH

ARGV[1] channel of the hints
ARGV[2] pool name

Returns the number of servers whose percent changed; nil when it was adjusted just now.
Publishes what=weights when a percent changed.
Time source: Redis TIME.
]]
--- @include natural
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
--- @include decoded
--- @include is_out_by_words
--- @include slow_start
--- @include adapt
local config_key, epoch_key, servers_key, server_prefix, verdicts_key, nodes_key, latency_key, weights_key, ejections_key = unpack(KEYS)
local channel, pool = unpack(ARGV)
local ADJUSTED_MS, ADJUSTED_SERVERS, PERCENT_STEP, STEPS_FROM = 1000, 1000, 5, 50
local FIGURES = {cpu = 1, memory = 1, bandwidth = 1, load_average = 1e4, in_flight = 1e6} -- name -> greatest
local FIELDS = {'weight', 'admin_weight', 'admin_state', 'percent', 'percent_reason', 'factor', 'registered_at_ms',
  'warming_from_ms', 'back_at_ms', 'ttl_ms', 'state', 'agent_state', 'agent_percent', 'agent_weight'}
local REPORTED = {} -- figure -> its field
for name in pairs(FIGURES) do
  REPORTED[name] = 'report.' .. name
  table.insert(FIELDS, REPORTED[name])
end
local now = now_ms()

of_type(weights_key, 'hash')
of_type(servers_key, 'zset')
of_type(nodes_key, 'zset')
local state = hash_of(weights_key)
local at = tonumber(state.at_ms)
-- 1,000 servers cost Redis tens of ms: larger pools are adjusted less often.
local interval = ADJUSTED_MS * math.max(1, redis.call('ZCARD', servers_key) / ADJUSTED_SERVERS)
if at and now - at < interval and now >= at then return nil end
local last = at or now - 2 * interval

local function number_in(text, least, greatest, default)
  local value = text and tonumber(text)
  return value and value >= least and value <= greatest and value or default -- NaN is in no range
end

local config = hash_of(config_key)
local adaptive = config.weights == 'adaptive'
local ramp = {
  duration_ms = number_in(config['slow_start.duration_s'], 0, 86400, 0) * 1000,
  aggression = number_in(config['slow_start.aggression'], 0.01, 100, 1),
  min_percent = number_in(config['slow_start.min_percent'], 1, 100, 10),
}

local has_agents = number_in(config['health.agent.port'], 1, 65535)

-- What holds in place of a weight, as model/advice.py.
local function advised(weight, fields)
  local own, percent = number_in(fields.agent_weight, 0, 1e9), number_in(fields.agent_percent, 0, 1e9)
  if not has_agents or not (own or percent) then return weight end
  if own then return math.min(own, 256) end
  local least = weight > 0 and percent > 0 and 1 or 0
  return math.min(math.max(math.floor(weight * percent / 100), least), 256)
end

local ejections = config['outliers.enabled'] == 'true' and hash_of(ejections_key) or {}
local function is_ejected(id, registered_at_ms)
  local ejection = decoded(ejections[id])
  return (natural(ejection.at_ms) or -1) >= registered_at_ms and not natural(ejection.recovered_at_ms)
end

-- Server id -> sum, and number, of what the live nodes see, us.
local seen_us, seen_by = {}, {}
if adaptive then
  local live = {}
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes_key, '(' .. now, '+inf')) do live[node] = true end
  local flat = redis.pcall('HGETALL', latency_key)
  for i = 1, #flat, 2 do
    local slash, micros = string.find(flat[i], '/', 1, true), tonumber(flat[i + 1])
    if slash and micros and micros > 0 and micros < 1e9 and live[string.sub(flat[i], 1, slash - 1)] then
      local id = string.sub(flat[i], slash + 1)
      seen_us[id], seen_by[id] = (seen_us[id] or 0) + micros, (seen_by[id] or 0) + 1
    end
  end
end

local function read(id, deadline, verdict)
  local values = redis.pcall('HMGET', server_prefix .. id, unpack(FIELDS))
  local fields, figures = {}, {}
  for i = 1, #values do fields[FIELDS[i]] = values[i] or nil end
  for name, greatest in pairs(FIGURES) do figures[name] = number_in(fields[REPORTED[name]], 0, greatest) end
  local configured = number_in(fields.admin_weight, 0, 256) or number_in(fields.weight, 0, 256, 1)
  local weight = advised(configured, fields)
  return {
    id = id, weight = weight, figures = figures,
    takes = weight > 0 and (fields.admin_state or 'READY') == 'READY'
      and not is_out_by_words(fields.state, has_agents and fields.agent_state)
      and not is_ejected(id, number_in(fields.registered_at_ms, 0, 1e15, 0))
      and not (verdict and string.find(verdict, '"health":%s*"DOWN"')),
    percent = number_in(fields.percent, 1, 100, 100),
    reason = fields.percent_reason or '',
    factor = number_in(fields.factor, 0.1, 1, 1),
    since_ms = math.max(number_in(fields.registered_at_ms, 0, 1e15, 0), number_in(fields.back_at_ms, 0, 1e15, 0),
      verdict and number_in(string.match(verdict, '"at_ms":%s*(%d+)'), 0, 1e15) or 0),
    warming_from_ms = number_in(fields.warming_from_ms, 0, 1e15, 0),
    heard_ms = deadline - number_in(fields.ttl_ms, 0, 1e9, 6000),
    latency_ms = seen_by[id] and seen_us[id] / seen_by[id] / 1000,
  }
end

local verdicts, servers = {}, {}
if config['health.kind'] ~= 'none' or has_agents then verdicts = hash_of(verdicts_key) end
local flat = redis.call('ZRANGE', servers_key, 0, -1, 'WITHSCORES')
for i = 1, #flat, 2 do table.insert(servers, read(flat[i], tonumber(flat[i + 1]), verdicts[flat[i]])) end

local function rounded(exact)
  if exact < STEPS_FROM then return math.max(1, math.floor(exact + 0.5)) end
  return math.floor(exact / PERCENT_STEP + 0.5) * PERCENT_STEP
end

local function is_off(exact, present)
  return exact >= 100 or math.abs(exact - present) >= math.max(1, present / 10)
end

local parts = slow_start(servers, ramp, now)
local factors = adaptive and adapt(servers, now, last) or {}
local changed, settled = 0, false
for _, server in ipairs(servers) do
  local key = server_prefix .. server.id
  local part = parts[server.id] or {1, ''}
  local factor = factors[server.id] or {adaptive and server.factor or 1, ''}
  local exact, percent, reason = 100 * part[1] * factor[1], server.percent, server.reason
  if parts[server.id] or is_off(exact, percent) then percent = rounded(exact) end
  if percent == 100 then
    reason = ''
  elseif percent ~= server.percent then
    reason = part[2]
    if factor[1] < 1 and factor[2] ~= '' then reason = reason .. (reason ~= '' and ', ' or '') .. factor[2] end
  end
  if percent ~= server.percent then
    redis.call('HSET', key, 'percent', percent)
    changed = changed + 1
  end
  if reason ~= server.reason then redis.call('HSET', key, 'percent_reason', reason) end
  if factor[1] ~= server.factor then redis.call('HSET', key, 'factor', string.format('%.4f', factor[1])) end
  if server.warming_from_ms > 0 and not parts[server.id] then redis.call('HDEL', key, 'warming_from_ms') end
  settled = settled or (server.takes and server.warming_from_ms == 0 and now - server.since_ms >= ramp.duration_ms)
end

redis.call('HSET', weights_key, 'at_ms', now)
if settled and ramp.duration_ms > 0 then
  redis.call('HSET', weights_key, 'entry_percent', ramp.min_percent)
else
  redis.call('HDEL', weights_key, 'entry_percent')
end
redis.call('PEXPIRE', weights_key, 5 * interval)
if changed > 0 then announce(epoch_key, channel, pool, 'weights', '') end
return changed
