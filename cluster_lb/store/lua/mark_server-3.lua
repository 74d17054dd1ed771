--[[
Sets an operator's mark on a server: its admin state or its weight. Marks outlive heartbeats, and the
server's own leaving for 24 h.

Race: the later mark holds.

KEYS[1] ns:{pool}:epoch        STRING
KEYS[2] ns:{pool}:servers      ZSET
KEYS[3] ns:{pool}:server:<id>  HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] server id
ARGV[4] admin_state or admin_weight
ARGV[5] READY, DRAIN or MAINT; or a weight, 0..256

Returns 1, or 0 when neither the server nor a mark of it is known.
Publishes what=mark when the server is registered and the mark changed.
Time source: none.
]]
--- @include announce
--- @include of_type
--- @include left_by
local epoch, servers, server = unpack(KEYS)
local channel, pool, id, field, value = unpack(ARGV)
of_type(servers, 'zset')
of_type(server, 'hash')
local is_registered = redis.call('ZSCORE', servers, id)
if not is_registered and redis.call('EXISTS', server) == 0 then return 0 end
local old = redis.call('HGET', server, field)
redis.call('HSET', server, field, value)
if old == value or not is_registered then return 1 end
announce(epoch, channel, pool, 'mark', id, left_by(value))
return 1
