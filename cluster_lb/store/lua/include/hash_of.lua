-- All fields of a hash as a table; empty when the key is absent or of another type.
local function hash_of(key)
  local flat, fields = redis.pcall('HGETALL', key), {}
  if flat.err then return fields end
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
