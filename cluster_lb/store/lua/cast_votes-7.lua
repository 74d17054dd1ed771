--[[
A node casts its votes on servers and, in the same step, the verdicts follow: the majority of the live
votes. A vote lives while its node's lease in this pool does, and for 3 leases after it was cast. A tie,
or no live vote, keeps the verdict that there is; a server without a verdict is NEW. One that has flipped too
often waits before it is UP again (flap damping).

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
ARGV[6] JSON object, flap damping: limit (flips within window_ms; 0: off), window_ms, hold_ms, max_hold_ms

Returns the ids whose verdict flipped. Votes on servers that are not registered are ignored.
Publishes what=verdict for each flip.
Time source: Redis TIME.
]]
--- @include natural
--- @include now_ms
--- @include announce
--- @include of_type
--- @include renew
--- @include hash_of
--- @include decoded
--- @include begin_warm_up
local epoch_key, servers, verdicts, nodes, votes_prefix, server_prefix, weights = unpack(KEYS)
local channel, pool, node, lease_ms = unpack(ARGV, 1, 4)
local damping = cjson.decode(ARGV[6])
local now = now_ms()
of_type(servers, 'zset')
of_type(verdicts, 'hash')
of_type(nodes, 'zset')
renew(nodes, node, lease_ms, now)

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

-- What of `flips_ms` lies within the window.
local function recent_flips(verdict)
  local recent = {}
  for _, at in ipairs(type(verdict.flips_ms) == 'table' and verdict.flips_ms or {}) do
    if natural(at) and at <= now and now - at < damping.window_ms then table.insert(recent, natural(at)) end
  end
  return recent
end

-- A server that flips too often must wait before it is UP again: true while it must. Each wait is twice the one
-- before, until the server has stayed UP for a whole window.
local function is_held(id, verdict)
  local held_until = natural(verdict.held_until_ms) or 0
  if held_until == 0 and damping.limit > 0 and #recent_flips(verdict) > damping.limit then
    verdict.holds = (natural(verdict.holds) or 0) + 1
    held_until = now + math.min(damping.hold_ms * 2 ^ (verdict.holds - 1), damping.max_hold_ms)
    verdict.held_until_ms = held_until
    verdict.reason = string.format('held down: %d flips in %g s', #verdict.flips_ms, damping.window_ms / 1000)
    redis.call('HSET', verdicts, id, cjson.encode(verdict))
  end
  return now < held_until and held_until - now <= damping.max_hold_ms
end

local function flip(id, before, health, reason, who)
  local calm = before.health == 'UP' and now - (natural(before.at_ms) or 0) > damping.window_ms
  local flips = recent_flips(before)
  if before.health and damping.limit > 0 then table.insert(flips, now) end
  table.sort(who)
  if health == 'UP' and before.health == 'DOWN' then begin_warm_up(weights, server_prefix .. id, now) end
  local epoch = announce(epoch_key, channel, pool, 'verdict', id, health == 'DOWN' and 'refuses' or nil)
  redis.call('HSET', verdicts, id, cjson.encode({
    health = health, reason = reason, authors = who, epoch = epoch, at_ms = now,
    flips_ms = flips, holds = calm and 0 or natural(before.holds) or 0,
  }))
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
    local present = decoded(redis.call('HGET', verdicts, id))
    if majority and majority ~= present.health and not (majority == 'UP' and is_held(id, present)) then
      flip(id, present, majority, reasons[majority], authors[majority])
      table.insert(flipped, id)
    end
  end
end
return flipped
