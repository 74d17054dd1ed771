-- Lets a server that comes into a running pool begin with a part of its weight, when the last adjustment of
-- the weights named one (`adjust_weights` goes on from there). Returns whether it does.
local function begin_warm_up(weights_key, server_key, now)
  local found = redis.pcall('HGET', weights_key, 'entry_percent')
  local percent = type(found) == 'string' and tonumber(found)
  if not percent then return false end
  of_type(server_key, 'hash')
  redis.call('HSET', server_key, 'percent', found, 'percent_reason', 'slow start', 'warming_from_ms', now)
  return true
end
