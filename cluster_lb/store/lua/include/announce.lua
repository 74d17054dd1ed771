-- Raises the epoch, publishes the hint, returns the new epoch. An epoch that is no integer (foreign
-- contents) starts again at 1: nodes that have seen a higher one then re-seed the pool.
local function announce(epoch_key, channel, pool, what, server)
  local epoch = redis.pcall('INCR', epoch_key)
  if type(epoch) ~= 'number' then
    redis.call('SET', epoch_key, 1)
    epoch = 1
  end
  redis.call('PUBLISH', channel, cjson.encode({pool = pool, epoch = epoch, what = what, server = server}))
  return epoch
end
