-- Resets the idle time of the entries this consumer still holds. KEYS: stream. ARGV: group, consumer, id, ...
-- An entry that another consumer has taken over meanwhile stays with it. Returns how many were renewed.
local renewed = 0
for i = 3, #ARGV do
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #held == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    renewed = renewed + 1
  end
end
return renewed
