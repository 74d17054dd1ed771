-- The adaptive factor of each server that takes new exchanges: id -> {factor, why}. As model/adaptive.py, which
-- has the formula and the reasons of its numbers.
local function adapt(servers, now, last)
  local NEAR_FULL, DEAD_BAND, FAR, GAIN, MAX_FALL, MAX_RISE, MIN_FACTOR = 0.9, 0.05, 0.15, 0.4, 0.3, 0.1, 0.1
  local MEMORY_FROM, SLOW_RATIO, HELD_RATIO, SLOW_GAIN, MAX_SLOW = 0.8, 2, 1.5, 0.25, 0.5
  local RETURN, DECAY, FRESH_MS, LATENCY_FLOOR_MS, IN_FLIGHT_FLOOR = 0.1, 0.05, 30000, 5, 4

  local function utilisation(figures)
    local name, greatest
    local function consider(label, value)
      if value and (not greatest or value > greatest) then name, greatest = label, value end
    end
    if figures.cpu then
      consider('cpu', figures.cpu)
    elseif figures.load_average then
      consider('load average', math.min(figures.load_average, 1))
    end
    consider('bandwidth', figures.bandwidth)
    if figures.memory and figures.memory > MEMORY_FROM then
      consider('memory pressure', (figures.memory - MEMORY_FROM) / (1 - MEMORY_FROM))
    end
    return name, greatest
  end

  local function median(values)
    table.sort(values)
    return values[math.floor((#values + 1) / 2)]
  end

  local taking, weights, top = {}, 0, 0
  for _, server in ipairs(servers) do
    if server.takes then
      table.insert(taking, server)
      weights = weights + server.weight
      top = math.max(top, server.factor)
    end
  end
  local function present(server) return server.factor / top end -- somebody has all of its weight
  local mean_weight = weights / math.max(#taking, 1)
  local function queue(server) return server.figures.in_flight * mean_weight / server.weight end

  local sum, known, latencies, queues = 0, 0, {}, {}
  for _, server in ipairs(taking) do
    if now - server.heard_ms <= FRESH_MS then
      local _, busy = utilisation(server.figures)
      if busy and present(server) >= NEAR_FULL then sum, known = sum + busy, known + 1 end
      if server.latency_ms then table.insert(latencies, server.latency_ms) end
      if server.figures.in_flight then table.insert(queues, queue(server)) end
    end
  end
  local pool_busy = known > 0 and sum / known or nil
  local pool_latency, pool_queue = median(latencies), median(queues)

  local function slowness(server)
    local ratio, why
    if server.latency_ms and pool_latency then
      ratio = server.latency_ms / math.max(pool_latency, LATENCY_FLOOR_MS)
      why = string.format('latency %.1f ms against %.1f ms', server.latency_ms, pool_latency)
    end
    if server.figures.in_flight and pool_queue then
      local crowding = queue(server) / math.max(pool_queue, IN_FLIGHT_FLOOR)
      if not ratio or crowding > ratio then
        ratio, why = crowding, string.format('in flight %.0f against %.0f', queue(server), pool_queue)
      end
    end
    return ratio, why
  end

  local function distance_of(server)
    local distance, why
    local name, busy = utilisation(server.figures)
    if busy and pool_busy then
      local above = busy - pool_busy
      distance = math.max(math.abs(above) - DEAD_BAND, 0) + math.max(math.abs(above) - FAR, 0)
      if above < 0 then distance = -distance end
      why = string.format('%s %.2f against %.2f', name, busy, pool_busy)
    end
    local ratio, slow_why = slowness(server)
    if not ratio then return distance, why end
    if ratio > SLOW_RATIO then
      local slow = math.min(MAX_SLOW, SLOW_GAIN * math.log(ratio / SLOW_RATIO) / math.log(2))
      if not distance or slow > distance then return slow, slow_why end
      return distance, why
    end
    if not distance then return ratio > HELD_RATIO and 0 or -RETURN, slow_why end
    return ratio > HELD_RATIO and math.max(distance, 0) or distance, why
  end

  local function moved(server)
    local distance, why = distance_of(server)
    if now - server.heard_ms > FRESH_MS or not distance then
      return math.min(1, present(server) + DECAY), 'no report'
    end
    if server.heard_ms <= last then return present(server), why end
    local move = math.max(-MAX_RISE, math.min(MAX_FALL, GAIN * distance))
    return math.min(1, present(server) * (1 - move)), why
  end

  local factors = {}
  for _, server in ipairs(taking) do
    local factor, why = moved(server)
    factors[server.id] = {math.floor(math.max(factor, MIN_FACTOR) * 10000 + 0.5) / 10000, why}
  end
  return factors
end
