-- The whole number from 0 on that `value` is, a number or its text; nil when it is none, or too great to count on.
local function natural(value)
  local number = tonumber(value)
  return number and number >= 0 and number < 1e15 and number % 1 == 0 and number or nil
end
