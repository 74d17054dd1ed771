-- Whether a server is down by its own word or its agent's.
local function is_down_by_words(own, agents) return own == 'down' or agents == 'down' end
