-- Takes a server out of its pool. `keep_marks`: what an operator said of it (admin state, weight) stays
-- for 24 h and holds again when it returns.
local MARKS_TTL_S = 86400
local function retire(servers, server_key, verdicts, votes_key, nodes, load, id, keep_marks)
  redis.call('ZREM', servers, id)
  redis.call('HDEL', verdicts, id)
  redis.call('DEL', votes_key)
  for _, node in ipairs(redis.call('ZRANGE', nodes, 0, -1)) do
    redis.call('HDEL', load, node .. '/' .. id)
  end
  local state = redis.call('HGET', server_key, 'admin_state')
  local weight = redis.call('HGET', server_key, 'admin_weight')
  redis.call('DEL', server_key)
  if not keep_marks then return end
  if state and state ~= 'READY' then redis.call('HSET', server_key, 'admin_state', state) end
  if weight then redis.call('HSET', server_key, 'admin_weight', weight) end
  redis.call('EXPIRE', server_key, MARKS_TTL_S)
end
