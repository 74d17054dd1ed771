--[[
A node casts its votes on servers and, in the same step, the verdicts follow: the majority of the live
votes. A vote lives while its node's lease in this pool does, and for 3 leases after it was cast. A tie,
or no live vote, keeps the verdict that there is; a server without a verdict is NEW.

Race: calls run one at a time; each sees all votes cast before it, so the last one decides rightly. Only
a flip writes the verdict and raises the epoch.

KEYS[1] ns:{pool}:epoch     STRING
KEYS[2] ns:{pool}:servers   ZSET
KEYS[3] ns:{pool}:verdicts  HASH
KEYS[4] ns:{pool}:nodes     ZSET    casting renews the node's lease
KEYS[5] ns:{pool}:votes:    HASH, prefix of the servers' votes; TTL 3 leases
KEYS[6] ns:{pool}:server:   HASH, prefix of the servers' hashes; one that is up again warms up
KEYS[7] ns:{pool}:weights   HASH

ARGV[1] channel of the hints
ARGV[2] pool name
ARGV[3] node id
ARGV[4] the node's lease, ms, above 0
ARGV[5] JSON object, server id -> {"health": "UP" or "DOWN", "reason": text}

Returns the ids whose verdict flipped. Votes on servers that are not registered are ignored.
Publishes what=verdict for each flip.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include announce
--- @include of_type
--- @include hash_of
--- @include begin_warm_up
local epoch_key, servers, verdicts, nodes, votes_prefix, server_prefix, weights = unpack(KEYS)
local channel, pool, node, lease_ms = unpack(ARGV, 1, 4)
local now = now_ms()
of_type(verdicts, 'hash')
of_type(nodes, 'zset')
redis.call('ZADD', nodes, now + lease_ms, node)

local function decoded(text)
  local ok, value = pcall(cjson.decode, text)
  return ok and type(value) == 'table' and value or {}
end

local function tally(votes_key)
  local authors, reasons, latest = {UP = {}, DOWN = {}}, {}, {}
  for voter, text in pairs(hash_of(votes_key)) do
    local vote = decoded(text)
    local cast_at = tonumber(vote.at_ms) or 0
    local lease_until = tonumber(redis.call('ZSCORE', nodes, voter) or 0)
    if authors[vote.health] and lease_until > now and now - cast_at < 3 * lease_ms then
      table.insert(authors[vote.health], voter)
      if cast_at >= (latest[vote.health] or 0) then
        latest[vote.health], reasons[vote.health] = cast_at, vote.reason
      end
    else
      redis.call('HDEL', votes_key, voter)
    end
  end
  return authors, reasons
end

local flipped = {}
for id, vote in pairs(cjson.decode(ARGV[5])) do
  if redis.call('ZSCORE', servers, id) then
    local votes_key = votes_prefix .. id
    of_type(votes_key, 'hash')
    vote.at_ms = now
    redis.call('HSET', votes_key, node, cjson.encode(vote))
    redis.call('PEXPIRE', votes_key, 3 * lease_ms)
    local authors, reasons = tally(votes_key)
    local majority
    if #authors.UP > #authors.DOWN then majority = 'UP' end
    if #authors.DOWN > #authors.UP then majority = 'DOWN' end
    local present = decoded(redis.call('HGET', verdicts, id) or '').health
    if majority and majority ~= present then
      table.sort(authors[majority])
      if majority == 'UP' and present == 'DOWN' then begin_warm_up(weights, server_prefix .. id, now) end
      local epoch = announce(epoch_key, channel, pool, 'verdict', id)
      redis.call('HSET', verdicts, id, cjson.encode({
        health = majority, reason = reasons[majority], authors = authors[majority], epoch = epoch, at_ms = now,
      }))
      table.insert(flipped, id)
    end
  end
end
return flipped
