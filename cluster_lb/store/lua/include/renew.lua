-- Renews a node's lease among those of `key`. Where it is found to end later than the one that is given now,
-- Redis' clock went back (a failover): then nobody's ends later, or dead nodes would live on for as long.
local function renew(key, node, lease_ms, now)
  local before, deadline = natural(redis.call('ZSCORE', key, node)), now + lease_ms
  redis.call('ZADD', key, deadline, node)
  if not before or before <= deadline then return end
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. string.format('%.0f', deadline), '+inf')) do
    redis.call('ZADD', key, deadline, other)
  end
end
