--[[
Keeps what a server's agent said of its weight, its state and its limit.

Race: the nodes that ask an agent may hear different words; the later caller's holds. Equal words change
nothing. One that has not heard yet that the pool has no agents any more is not listened to.

KEYS[1] ns:{pool}:epoch        STRING
KEYS[2] ns:{pool}:servers      ZSET
KEYS[3] ns:{pool}:server:<id>  HASH
KEYS[4] ns:{pool}:config       HASH
KEYS[5] ns:{pool}:weights      HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] server id
ARGV[4] JSON object, field -> text: agent_percent, agent_weight, agent_state,
        agent_maxconn; '' takes a field away

Returns 1 when something changed; 0 when nothing did, the server is not registered, or the pool has no agents.
Publishes what=agent when something changed.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include announce
--- @include of_type
--- @include begin_warm_up
--- @include come_back
--- @include is_down_by_words
--- @include left_by
local epoch, servers, server, config, weights = unpack(KEYS)
local channel, pool, id, fields = unpack(ARGV)
local port = tonumber(redis.pcall('HGET', config, 'health.agent.port'))
if not port or port == 0 then return 0 end
of_type(servers, 'zset')
if not redis.call('ZSCORE', servers, id) then return 0 end
of_type(server, 'hash')
local function is_down() return is_down_by_words(unpack(redis.call('HMGET', server, 'state', 'agent_state'))) end
local was_down, changed = is_down(), false
local said = cjson.decode(fields)
for field, value in pairs(said) do
  if (redis.call('HGET', server, field) or '') ~= value then
    changed = true
    if value == '' then redis.call('HDEL', server, field) else redis.call('HSET', server, field, value) end
  end
end
if not changed then return 0 end
if was_down and not is_down() then come_back(weights, server, now_ms()) end
announce(epoch, channel, pool, 'agent', id, left_by(said.agent_state))
return 1
