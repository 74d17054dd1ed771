--[[
Writes the routing table, the whole of it at once.

Race: the later writer of `apply` holds; of two that seed, the first; of two that restore, the one with
the higher revision.

KEYS[1] ns:routes  STRING

ARGV[1] channel of the hints
ARGV[2] apply: replace; seed: only when there is none; restore: only when the revision there is lower
ARGV[3] JSON array of the routes
ARGV[4] revision that the caller knows, for restore; else 0

Returns the revision in force.
Publishes what=routes, with an empty pool and the revision as epoch, when it wrote.
Time source: none.
]]
--- @include of_type
local routes = KEYS[1]
local channel, mode, text, known = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
of_type(routes, 'string')
local revision = tonumber(string.match(redis.call('GET', routes) or '', '^{"revision":%s*(%d+)')) or 0
if mode == 'seed' and revision > 0 then return revision end
if mode == 'restore' then
  if revision >= known then return revision end
  revision = known
else
  revision = revision + 1
end
redis.call('SET', routes, '{"revision":' .. revision .. ',"routes":' .. text .. '}')
redis.call('PUBLISH', channel, cjson.encode({pool = '', epoch = revision, what = 'routes', server = ''}))
return revision
