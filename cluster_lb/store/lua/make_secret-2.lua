--[[
Gives a pool the secret of its sticky cookies, where it has none.

Race: the first caller's secret holds, all others read it.

KEYS[1] ns:{pool}:config  HASH
KEYS[2] ns:{pool}:epoch   STRING

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] secret, for the case that there is none

Returns 1 when it wrote, else 0: there was one, or there is no pool.
Publishes what=config when it wrote.
Time source: none.
]]
--- @include announce
--- @include of_type
local config, epoch = unpack(KEYS)
local channel, pool, secret = unpack(ARGV)
of_type(config, 'hash')
if redis.call('EXISTS', config) == 0 then return 0 end
if (redis.call('HGET', config, 'sticky_secret') or '') ~= '' then return 0 end
redis.call('HSET', config, 'sticky_secret', secret)
announce(epoch, channel, pool, 'config', '')
return 1
