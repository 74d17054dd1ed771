-- A pool's epoch; 0 when it has none, or something foreign is there.
local function epoch_of(key)
  local text = redis.pcall('GET', key)
  return type(text) == 'string' and natural(text) or 0
end
