--[[
Takes tokens of one key of a rate limit out of its bucket: those that a node let pass on credit, and some
ahead, as far as there are any. The key is absent while the bucket is full.

Race: calls run one at a time, so no token is granted twice. What was used on credit is charged whatever
there is: the bucket then owes, and grants nothing until it has refilled. A call that is sent twice because
its connection broke charges, or gives back, twice what one node held at most.

KEYS[1] ns:rate:<limit>:<key>  STRING, TTL until full: when the bucket will be full again, ms of Redis time

ARGV[1] ms that one token takes to come back: above 0, may be a fraction
ARGV[2] tokens of a full bucket; 1 or more
ARGV[3] tokens that all nodes together may have used on credit at most; 1 or more
ARGV[4] tokens used on credit, to be charged; 0 or more
ARGV[5] tokens given back unused; 0 or more
ARGV[6] tokens wanted ahead; 0 or more

Returns {tokens granted, thousandths of a token left; negative: owed}.
Publishes nothing.
Time source: Redis TIME.
]]
--- @include now_ms
--- @include of_type
local bucket = KEYS[1]
local interval_ms, burst, credit, spent, returned, wanted = unpack(ARGV)
of_type(bucket, 'string')
local now = now_ms()
local full_at = tonumber(redis.call('GET', bucket) or '') or now
if full_at ~= full_at then full_at = now end -- not a number
-- Further ahead than anybody can have charged: Redis' clock went back, or the limit was a slower one.
full_at = math.min(full_at, now + (burst + credit) * interval_ms)
full_at = math.max(full_at, now) + (spent - returned) * interval_ms
local left = burst - math.max(full_at - now, 0) / interval_ms
local granted = math.max(0, math.min(tonumber(wanted), math.floor(left + 0.0005)))
full_at = full_at + granted * interval_ms
if full_at > now then
  redis.call('SET', bucket, string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
else
  redis.call('DEL', bucket)
end
return {granted, math.floor((left - granted) * 1000 + 0.5)}
