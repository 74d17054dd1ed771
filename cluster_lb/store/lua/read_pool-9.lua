--[[
Reads a whole pool as it is at one moment.

Race: none, it writes nothing.

KEYS[1] ns:{pool}:config    HASH
KEYS[2] ns:{pool}:epoch     STRING
KEYS[3] ns:{pool}:servers   ZSET
KEYS[4] ns:{pool}:server:   HASH, prefix of the servers' hashes
KEYS[5] ns:{pool}:verdicts  HASH
KEYS[6] ns:{pool}:nodes     ZSET
KEYS[7] ns:{pool}:seen      HASH
KEYS[8] ns:{pool}:load      HASH
KEYS[9] ns:{pool}:ejections HASH

ARGV[1] epoch that the caller holds, -1: none
ARGV[2] created_ms and seeds of the pool that the caller holds, joined by a slash; '' for none

Returns JSON {"epoch", "now_ms", "config": {field: text}}; unless the caller holds just this, also
  "servers": {id: {"deadline_ms": number, "fields": {field: text}}}, "verdicts": {id: JSON text},
  "nodes": {node: deadline_ms}, "seen": {node: text}, "load": {"node/server": text},
  "ejections": {id: JSON text}.
  A key of another type reads as empty. nil when the pool has no config: it does not exist.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include natural
--- @include epoch_of
--- @include now_ms
--- @include hash_of
local config_key, epoch_key, servers_key, server_prefix, verdicts, nodes_key = unpack(KEYS, 1, 6)
local seen, load, ejections = unpack(KEYS, 7, 9)
local held_epoch, held_origin = unpack(ARGV)

local function scores_of(key)
  local flat, scores = redis.pcall('ZRANGE', key, 0, -1, 'WITHSCORES'), {}
  if flat.err then return scores end
  for i = 1, #flat, 2 do scores[flat[i]] = natural(flat[i + 1]) or 0 end
  return scores
end

local config = hash_of(config_key)
if next(config) == nil then return nil end
local epoch = epoch_of(epoch_key)
local reading = {epoch = epoch, now_ms = now_ms(), config = config}
local origin = (config.created_ms or '') .. '/' .. (config.seeds or '0')
if tostring(epoch) == held_epoch and origin == held_origin then return cjson.encode(reading) end

local servers = {}
for id, deadline in pairs(scores_of(servers_key)) do
  servers[id] = {deadline_ms = deadline, fields = hash_of(server_prefix .. id)}
end
reading.servers = servers
reading.verdicts = hash_of(verdicts)
reading.nodes = scores_of(nodes_key)
reading.seen = hash_of(seen)
reading.load = hash_of(load)
reading.ejections = hash_of(ejections)
return cjson.encode(reading)
