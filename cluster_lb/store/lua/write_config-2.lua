--[[
Writes the settings of a pool, all of them at once.

Race: the later writer of `apply` holds; of two that seed, the first.

KEYS[1] ns:{pool}:config  HASH
KEYS[2] ns:{pool}:epoch   STRING

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] apply: replace what is there; seed: only where nobody configured the pool (revision 0)
ARGV[4] JSON object, field -> text

Returns 1 when it wrote, else 0.
Publishes what=config when it wrote.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
local config, epoch = unpack(KEYS)
local channel, pool, mode = unpack(ARGV, 1, 3)
local fields = cjson.decode(ARGV[4])
of_type(config, 'hash')
local old = hash_of(config)
local revision = tonumber(old.revision) or 0
if mode == 'seed' and revision > 0 then return 0 end
redis.call('DEL', config)
for field, value in pairs(fields) do redis.call('HSET', config, field, value) end
redis.call('HSET', config, 'created_ms', tonumber(old.created_ms) or now_ms(),
  'revision', revision + 1, 'seeds', tonumber(old.seeds) or 0)
announce(epoch, channel, pool, 'config', '')
return 1
