-- Whether a server takes no new exchanges by its own word or its agent's.
local OUT = {drain = true, down = true}
local function is_out_by_words(own, agents) return OUT[own or ''] or OUT[agents or ''] or false end
