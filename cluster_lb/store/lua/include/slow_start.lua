-- What part of its weight each warming server has: id -> {part, why}. As model/slow_start.py and
-- model/weights.py; servers that take no new exchanges warm up, and count neither as warm nor as warming.
local SLOW_STEP, SURPLUS_PERCENT, PART_STEP = 10, 150, 5
local function slow_start(servers, ramp, now)
  local warming, slow, all = {}, 0, 0
  for _, server in ipairs(servers) do
    local warms = server.warming_from_ms > 0 and now - server.warming_from_ms < ramp.duration_ms
    if warms then table.insert(warming, server) end
    if server.takes then
      all = all + server.weight
      if warms then slow = slow + server.weight end
    end
  end
  local warm, parts = all - slow, {}
  if warm <= 0 then return parts end
  local least = 0
  if slow > 0 then
    least = ((warm + slow) * 100 / SURPLUS_PERCENT - warm) / slow
    least = math.ceil(least * 100 / PART_STEP - 1e-9) * PART_STEP / 100
  end
  for _, server in ipairs(warming) do
    local elapsed = now - server.warming_from_ms
    local share = math.min(math.max(elapsed / ramp.duration_ms, 0), 1)
    local grown = math.floor(share ^ (1 / ramp.aggression) * 100 / SLOW_STEP + 1e-9) * SLOW_STEP / 100
    local part = math.max(ramp.min_percent / 100, grown)
    local why = string.format('slow start %.0f s of %g', math.floor(elapsed / 1000), ramp.duration_ms / 1000)
    parts[server.id] = {math.min(1, math.max(part, least)), why}
  end
  return parts
end
