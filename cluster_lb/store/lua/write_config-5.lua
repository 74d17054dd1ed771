--[[
Writes the settings of a pool, all of them at once. Secrets of sticky cookies stay: the one that was made,
and, where another comes into force, the one that was. Where nodes ask agents no more, what those said is
forgotten; where they judge servers no more, the verdicts are.

Race: the later writer of `apply` holds; of two that seed, the first.

KEYS[1] ns:{pool}:config    HASH
KEYS[2] ns:{pool}:epoch     STRING
KEYS[3] ns:{pool}:servers   ZSET
KEYS[4] ns:{pool}:server:   HASH, prefix of the servers' hashes
KEYS[5] ns:{pool}:verdicts  HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] apply: replace what is there; seed: only where nobody configured the pool (revision 0)
ARGV[4] JSON object, field -> text

Returns 1 when it wrote, else 0.
Publishes what=config when it wrote.
Time source: Redis TIME.
]]
--- @include natural
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
local config, epoch, servers, server_prefix, verdicts = unpack(KEYS)
local channel, pool, mode = unpack(ARGV, 1, 3)
local fields = cjson.decode(ARGV[4])
of_type(config, 'hash')
local old = hash_of(config)
local revision = natural(old.revision) or 0
if mode == 'seed' and revision > 0 then return 0 end
redis.call('DEL', config)
for field, value in pairs(fields) do redis.call('HSET', config, field, value) end
redis.call('HSET', config, 'created_ms', natural(old.created_ms) or now_ms(),
  'revision', revision + 1, 'seeds', natural(old.seeds) or 0)
local made = old.sticky_secret
local function in_force(settings)
  local own = settings['sticky.secret']
  return own and own ~= '' and own or made
end
local was, before = in_force(old), old.sticky_secret_before
if was and was ~= in_force(fields) then before = was end
if made then redis.call('HSET', config, 'sticky_secret', made) end
if before then redis.call('HSET', config, 'sticky_secret_before', before) end

local function has_agents(settings) return (tonumber(settings['health.agent.port']) or 0) > 0 end
if has_agents(old) and not has_agents(fields) then
  of_type(servers, 'zset')
  for _, id in ipairs(redis.call('ZRANGE', servers, 0, -1)) do
    of_type(server_prefix .. id, 'hash')
    redis.call('HDEL', server_prefix .. id, 'agent_percent', 'agent_weight', 'agent_state', 'agent_maxconn')
  end
end
if fields['health.kind'] == 'none' and not has_agents(fields) then redis.call('DEL', verdicts) end
announce(epoch, channel, pool, 'config', '')
return 1
