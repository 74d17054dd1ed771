--[[
Takes a server out of its pool: it leaves by itself, or an operator removes it.

Race: the second of two callers finds nothing and changes nothing. A heartbeat that comes after it
registers the server anew.

KEYS[1] ns:{pool}:epoch        STRING
KEYS[2] ns:{pool}:servers      ZSET
KEYS[3] ns:{pool}:server:<id>  HASH
KEYS[4] ns:{pool}:verdicts     HASH
KEYS[5] ns:{pool}:votes:<id>   HASH
KEYS[6] ns:{pool}:nodes        ZSET
KEYS[7] ns:{pool}:load         HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] server id
ARGV[4] 1: keep the operator's marks for 24 h; 0: forget them too

Returns 1 when the server was registered, or marks of it were forgotten; else 0.
Publishes what=remove when it was registered.
Time source: none.
]]
--- @include announce
--- @include of_type
--- @include retire
local epoch, servers, server, verdicts, votes, nodes, load = unpack(KEYS)
local channel, pool, id, keep_marks = unpack(ARGV)
of_type(servers, 'zset')
of_type(server, 'hash')
of_type(verdicts, 'hash')
of_type(nodes, 'zset')
of_type(load, 'hash')
if redis.call('ZSCORE', servers, id) then
  retire(servers, server, verdicts, votes, nodes, load, id, keep_marks == '1')
  announce(epoch, channel, pool, 'remove', id, 'refuses')
  return 1
end
if keep_marks == '1' then return 0 end
return redis.call('DEL', server)
