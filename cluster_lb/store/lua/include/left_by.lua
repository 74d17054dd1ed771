-- What a word of a server, its agent or an operator leaves it to take (model/availability.py); nil: new exchanges.
local function left_by(word)
  return ({drain = 'persists', DRAIN = 'persists', down = 'refuses', MAINT = 'refuses'})[word]
end
