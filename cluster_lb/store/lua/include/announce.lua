-- Raises the epoch, publishes the hint, returns the new epoch. An epoch that is no integer (foreign
-- contents) starts again at 1: nodes that have seen a higher one then re-seed the pool. `takes`: what is left of
-- a server that takes no new exchanges from now on, `persists` (those that belong to it) or `refuses`; nil: nothing
-- of that kind happened.
local function announce(epoch_key, channel, pool, what, server, takes)
  local epoch = redis.pcall('INCR', epoch_key)
  if type(epoch) ~= 'number' then
    redis.call('SET', epoch_key, 1)
    epoch = 1
  end
  local hint = {pool = pool, epoch = epoch, what = what, server = server, takes = takes}
  redis.call('PUBLISH', channel, cjson.encode(hint))
  return epoch
end
