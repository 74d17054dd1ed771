--[[
A node tells what traffic saw of the servers since it last told and, in the same step, servers are ejected
and let back: outlier detection over the whole cluster's sample, with one ejection budget.

  in a row      failures count from the last success that any node told of. A run is believed when it has lasted
                for 1300 ms, within which each node has told its share, or at once where only one node lives.
  rates         are judged by the first call after an interval, over all that was told in it.
  ejection      lasts base * times, at most max; `times` is how often, less one for each interval in between.
  never         beyond the budget (a share of the pool, at least 1), the last healthy server, so many that the
                pool would panic (backups join before that), a server that is DOWN or not READY, or that says itself that it drains or is down.
  return        when the time is over, or when a node's probes of the server proved it; it warms up again, where
                the pool has a slow start.

Race: calls run one at a time, each sees the ejections before it: the budget holds whoever calls.

KEYS[1] ns:{pool}:epoch      STRING
KEYS[2] ns:{pool}:servers    ZSET
KEYS[3] ns:{pool}:server:    HASH, prefix of the servers' hashes
KEYS[4] ns:{pool}:verdicts   HASH
KEYS[5] ns:{pool}:nodes      ZSET
KEYS[6] ns:{pool}:outcomes   HASH    window, total/<id>, failed/<id>, busy/<id>, run/<id>; TTL 3 intervals
KEYS[7] ns:{pool}:ejections  HASH    id -> JSON; one that is over stays for an hour at least
KEYS[8] ns:{pool}:weights    HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] node id
ARGV[4] JSON object: the rules, as in `outliers` (0: off); interval_ms, base_ms, max_ms; panic_threshold;
        probed: whether verdicts hold; has_agents: whether words of agents do
ARGV[5] JSON object, server id -> [good attempts, ms that attempts were in flight, added up]; where some failed
        also: their number, and for 5xx, gateway failures, local origin failures: [1 when the run broke since it
        last told, else 0; failures since then]
ARGV[6] JSON object, server id -> at_ms of the ejection that probes proved wrong

Returns JSON {"ejected": {id: kind}, "returned": {id: "time" or "probes"}, "spared": [id that a bound kept in]}.
Publishes what=eject and what=return.
Time source: Redis TIME.
]]
--- @include natural
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
--- @include decoded
--- @include is_out_by_words
--- @include begin_warm_up
local epoch_key, servers, server_prefix, verdicts, nodes, outcomes, ejections, weights = unpack(KEYS)
local channel, pool, node = unpack(ARGV, 1, 3)
local rules, sample, proven = cjson.decode(ARGV[4]), cjson.decode(ARGV[5]), cjson.decode(ARGV[6])
local HEARD_MS, REMEMBERED_MS = 1300, 3600000
local AT_ONCE = 1000 -- fields in one command; Lua's stack takes some 8,000
local KINDS = {'consecutive_5xx', 'consecutive_gateway_failure', 'consecutive_local_origin_failure'}
local WORDS = {'5xx', 'gateway failures', 'local origin failures'}
local now = now_ms()
local window = math.floor(now / rules.interval_ms)
local result = {ejected = {}, returned = {}, spared = {}}
local accused = {}

of_type(servers, 'zset')
of_type(nodes, 'zset')
of_type(outcomes, 'hash')
of_type(ejections, 'hash')

local function accuse(id, badness, kind, reason)
  local before = accused[id]
  if not before or before.badness < badness then
    accused[id] = {id = id, badness = badness, kind = kind, reason = reason}
  end
end

local function judge_success_rates(rates)
  local sum, squares = 0, 0
  for _, one in ipairs(rates) do sum = sum + one.rate end
  local mean = sum / #rates
  for _, one in ipairs(rates) do squares = squares + (one.rate - mean) ^ 2 end
  local least = mean - rules.success_rate_stdev_factor * math.sqrt(squares / #rates)
  least = math.min(least, rules.success_rate_enough / 100)
  for _, one in ipairs(rates) do
    if one.rate < least then
      local reason = string.format('success rate %.1f %%, below %.1f %%', one.rate * 100, least * 100)
      accuse(one.id, 1 - one.rate, 'success_rate', reason)
    end
  end
end

local function judge_failure_percentages(rates)
  for _, one in ipairs(rates) do
    local failed = 100 * (1 - one.rate)
    if failed >= rules.failure_percentage then
      accuse(one.id, 1 - one.rate, 'failure_percentage', string.format('%.1f %% of %d failed', failed, one.total))
    end
  end
end

local function judge_latencies(rates)
  table.sort(rates, function(a, b) return a.latency_ms < b.latency_ms end)
  local half = #rates / 2
  local median = (rates[math.floor(half + 1)].latency_ms + rates[math.ceil(half)].latency_ms) / 2
  local most = math.max(rules.latency_factor * median, rules.latency_enough_ms)
  for _, one in ipairs(rates) do
    if one.latency_ms > most then
      local reason = string.format('%d ms on average, the median server %d ms', one.latency_ms, median)
      accuse(one.id, 1 - one.rate, 'latency', reason)
    end
  end
end

-- Rates and mean latencies of the servers that had `volume` requests in the window; none where they are fewer
-- than `least`.
local function rates_of(fields, volume, least)
  local rates = {}
  for field, text in pairs(fields) do
    local id, total = string.match(field, '^total/(.*)$'), natural(text)
    if id and total and total >= volume then
      local failed = natural(fields['failed/' .. id]) or 0
      local busy_ms = natural(fields['busy/' .. id]) or 0
      table.insert(rates, {id = id, total = total, rate = 1 - failed / total, latency_ms = busy_ms / total})
    end
  end
  return #rates >= least and rates or {}
end

local function turn_window()
  local fields = hash_of(outcomes)
  if natural(fields.window) == window - 1 then
    if rules.success_rate_stdev_factor > 0 then
      judge_success_rates(rates_of(fields, rules.success_rate_volume, rules.success_rate_min_servers))
    end
    if rules.failure_percentage > 0 then
      judge_failure_percentages(
        rates_of(fields, rules.failure_percentage_volume, rules.failure_percentage_min_servers))
    end
    if rules.latency_factor > 0 then
      local rates = rates_of(fields, rules.latency_volume, rules.latency_min_servers)
      if #rates > 0 then judge_latencies(rates) end
    end
  end
  for field in pairs(fields) do
    local id = string.match(field, '^run/(.*)$')
    if not (id and redis.call('ZSCORE', servers, id)) then redis.call('HDEL', outcomes, field) end
  end
  redis.call('HSET', outcomes, 'window', window)
end

-- Adds `amounts` to the fields of these names, in few commands however many they are.
local function add_up(names, amounts)
  for first = 1, #names, AT_ONCE do
    local last, pairs_of = math.min(first + AT_ONCE - 1, #names), {}
    local before = redis.call('HMGET', outcomes, unpack(names, first, last))
    for i = first, last do
      table.insert(pairs_of, names[i])
      table.insert(pairs_of, (natural(before[i - first + 1]) or 0) + amounts[i])
    end
    redis.call('HSET', outcomes, unpack(pairs_of))
  end
end

local function end_runs(names)
  for first = 1, #names, AT_ONCE do
    redis.call('HDEL', outcomes, unpack(names, first, math.min(first + AT_ONCE - 1, #names)))
  end
end

-- When the server came, or was started anew: what was seen before does not count.
local function registered_at(id)
  return natural(redis.pcall('HGET', server_prefix .. id, 'registered_at_ms')) or 0
end

local function merge_run(id, ok, runs, alone)
  if not redis.call('ZSCORE', servers, id) then return end
  local run = decoded(redis.call('HGET', outcomes, 'run/' .. id))
  local began = natural(run.began_ms) or -1
  if ok > 0 or began < registered_at(id) or began > now then run = {began_ms = now} end
  for n, kind in ipairs(KINDS) do
    local broken, length = unpack(runs[n])
    run[kind] = length + (broken == 1 and 0 or natural(run[kind]) or 0)
    if rules[kind] > 0 and run[kind] >= rules[kind] and (alone or now - run.began_ms >= HEARD_MS) then
      accuse(id, 1 + run[kind], kind, string.format('%d %s in a row', run[kind], WORDS[n]))
    end
  end
  redis.call('HSET', outcomes, 'run/' .. id, cjson.encode(run))
end

local function merge_sample()
  local alone = redis.call('ZCOUNT', nodes, '(' .. now, '+inf') <= 1
  local names, amounts, ended = {}, {}, {}
  local function add(name, id, amount)
    if amount == 0 then return end
    table.insert(names, name .. id)
    table.insert(amounts, amount)
  end
  for id, seen in pairs(sample) do
    local ok, busy_ms, failed = unpack(seen, 1, 3)
    add('total/', id, ok + (failed or 0))
    add('failed/', id, failed or 0)
    add('busy/', id, busy_ms)
    if failed then
      merge_run(id, ok, {unpack(seen, 4)}, alone)
    elseif ok > 0 then
      table.insert(ended, 'run/' .. id)
    end
  end
  add_up(names, amounts)
  end_runs(ended)
end

local function write(id, ejection)
  redis.call('HSET', ejections, id, cjson.encode(ejection))
end

local function let_back(id, ejection, ended_by)
  ejection.recovered_at_ms, ejection.ended_by = now, ended_by
  write(id, ejection)
  redis.call('HDEL', outcomes, 'run/' .. id)
  begin_warm_up(weights, server_prefix .. id, now)
  announce(epoch_key, channel, pool, 'return', id)
  result.returned[id] = ended_by
end

-- Those that are over get shorter by the interval, and are forgotten in the end.
local function decay(id, ejection)
  ejection.times = math.max(0, ejection.times - 1)
  if ejection.times == 0 and now - ejection.recovered_at_ms > REMEMBERED_MS then
    redis.call('HDEL', ejections, id)
  else
    write(id, ejection)
  end
end

local function is_valid(id, ejection)
  for _, name in ipairs({'at_ms', 'until_ms', 'times'}) do
    ejection[name] = natural(ejection[name])
    if not ejection[name] then return false end
  end
  return redis.call('ZSCORE', servers, id) and registered_at(id) <= ejection.at_ms
end

-- What holds after the returns that are due, by id; how many they are.
local function review_ejections(turned)
  local held, count = {}, 0
  for id, text in pairs(hash_of(ejections)) do
    local ejection = decoded(text)
    if not is_valid(id, ejection) then
      redis.call('HDEL', ejections, id)
    elseif natural(ejection.recovered_at_ms) then
      if turned then decay(id, ejection) end
    elseif now >= ejection.until_ms or now < ejection.at_ms then -- or Redis' clock went back
      let_back(id, ejection, 'time')
    elseif proven[id] == ejection.at_ms then
      let_back(id, ejection, 'probes')
    else
      held[id], count = true, count + 1
    end
  end
  return held, count
end

-- The servers that an ejection may be about, by id; how many they are; and of how many the panic rule takes its
-- share, as model/priority_groups.py: those of the first group with any that are READY and by their own words in
-- service.
local function healthy_servers(held)
  local healthy, count, first, ready = {}, 0, math.huge, 0
  local verdict_of = rules.probed and hash_of(verdicts) or {}
  for _, id in ipairs(redis.call('ZRANGE', servers, 0, -1)) do
    local admin_state, own, agents, priority =
      unpack(redis.pcall('HMGET', server_prefix .. id, 'admin_state', 'state', 'agent_state', 'priority'))
    if (admin_state or 'READY') == 'READY' and not is_out_by_words(own, rules.has_agents and agents) then
      local group = natural(priority) or 0
      if group < first then first, ready = group, 0 end
      if group == first then ready = ready + 1 end
      local down = decoded(verdict_of[id]).health == 'DOWN'
      if not down and not held[id] then healthy[id], count = true, count + 1 end
    end
  end
  return healthy, count, ready
end

local function eject(one)
  local times = (natural(decoded(redis.call('HGET', ejections, one.id)).times) or 0) + 1
  write(one.id, {
    kind = one.kind, reason = one.reason, by = node, at_ms = now, times = times,
    until_ms = now + math.min(rules.base_ms * times, rules.max_ms),
  })
  redis.call('HDEL', outcomes, 'run/' .. one.id)
  announce(epoch_key, channel, pool, 'eject', one.id, 'refuses')
  result.ejected[one.id] = one.kind
end

local function eject_within_bounds(held, ejected)
  local worst_first = {}
  for _, one in pairs(accused) do table.insert(worst_first, one) end
  if #worst_first == 0 then return end
  table.sort(worst_first, function(a, b)
    if a.badness ~= b.badness then return a.badness > b.badness end
    return a.id < b.id
  end)
  local healthy, count, ready = healthy_servers(held)
  local budget = math.max(1, math.floor(rules.max_ejected * redis.call('ZCARD', servers)))
  for _, one in ipairs(worst_first) do
    if healthy[one.id] then
      if ejected < budget and count > 1 and count - 1 >= rules.panic_threshold * ready then
        eject(one)
        ejected, count = ejected + 1, count - 1
      else
        table.insert(result.spared, one.id)
      end
    end
  end
end

local turned = natural(redis.call('HGET', outcomes, 'window')) ~= window
if turned then turn_window() end
merge_sample()
eject_within_bounds(review_ejections(turned))
redis.call('PEXPIRE', outcomes, 3 * rules.interval_ms)
return cjson.encode(result)
