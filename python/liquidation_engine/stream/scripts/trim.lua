-- Removes entries that every group has been given and has acknowledged. KEYS: stream. Returns how many entries went.
-- Kept is everything from the smaller of a group's lowest pending id and its last delivered id.
local function before(left, right)
  local left_ms, left_seq = string.match(left, '^(%d+)%-(%d+)$')
  local right_ms, right_seq = string.match(right, '^(%d+)%-(%d+)$')
  if left_ms ~= right_ms then
    return tonumber(left_ms) < tonumber(right_ms)
  end
  return tonumber(left_seq) < tonumber(right_seq)
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local keep_from = nil
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local facts = {}
  for i = 1, #group, 2 do
    facts[group[i]] = group[i + 1]
  end
  local needed = facts['last-delivered-id']
  local pending = redis.call('XPENDING', KEYS[1], facts['name'])
  if pending[1] > 0 and before(pending[2], needed) then
    needed = pending[2]
  end
  if keep_from == nil or before(needed, keep_from) then
    keep_from = needed
  end
end
if keep_from == nil then
  return 0
end
return redis.call('XTRIM', KEYS[1], 'MINID', keep_from)
