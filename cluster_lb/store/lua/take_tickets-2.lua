--[[
Takes a block of consecutive tickets from the cluster's one sequence.

Race: calls run one at a time, so no ticket is given twice.

KEYS[1] ns:{pool}:epoch    STRING
KEYS[2] ns:{pool}:tickets  STRING

ARGV[1] epoch that the caller serves
ARGV[2] first ticket that would continue the caller's present block; -1: it holds nothing
ARGV[3] count to take when the block continues the present one, or when it holds nothing; 1 or more
ARGV[4] count to take otherwise: whole periods of the schedule; 0: none

Returns {first ticket, count, epoch}; count is 0 when the epoch is another, or there was none to take.
Publishes nothing.
Time source: none.
]]
--- @include natural
--- @include epoch_of
--- @include of_type
local epoch_key, tickets = unpack(KEYS)
local held_epoch, continues_at, count, apart = unpack(ARGV)
local epoch = epoch_of(epoch_key)
if epoch ~= tonumber(held_epoch) then return {0, 0, epoch} end
of_type(tickets, 'string')
local first = natural(redis.call('GET', tickets)) or 0
if continues_at ~= '-1' and tonumber(continues_at) ~= first then count = apart end
if tonumber(count) == 0 then return {0, 0, epoch} end
redis.call('SET', tickets, first + count)
return {first, tonumber(count), epoch}
