-- Makes sure that `key` holds `kind` or nothing: what else is there is foreign and goes.
local function of_type(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
