-- Renews a node's lease among those of `key`. Where its own had ended, nobody could renew (Redis was away): the
-- others whose lease ended get a new one too. Where its own was to end later than the new one, Redis' clock went
-- back (a failover): nobody's ends later. So dead nodes are forgotten by the end of one lease.
local function renew(key, node, lease_ms, now)
  local before, deadline = natural(redis.call('ZSCORE', key, node)), now + lease_ms
  redis.call('ZADD', key, deadline, node)
  local least, most
  if before and before <= now then
    least, most = '-inf', now
  elseif before and before > deadline then
    least, most = '(' .. string.format('%.0f', deadline), '+inf'
  end
  if not least then return end
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', key, least, most)) do redis.call('ZADD', key, deadline, other) end
end
