-- Lets a server that was down by words, and is so no more, begin as one that is new.
local function come_back(weights_key, server_key, now)
  redis.call('HSET', server_key, 'back_at_ms', now)
  begin_warm_up(weights_key, server_key, now)
end
