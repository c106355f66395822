-- Changes one asset's index if it is still what the writer wrote last.
-- KEYS: set, sorted set, version. ARGV: expected version ('' to begin with: what is there is replaced), new version,
-- how many positions go, those positions, then position and trigger price ('' for none), ...
-- Returns 1, or 0 where the version is another: emptied, restored, or written by another leader.
if ARGV[1] == '' then
  redis.call('DEL', KEYS[1], KEYS[2])
elseif redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return 0
end
local gone = tonumber(ARGV[3])
for i = 4, 3 + gone do
  redis.call('SREM', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
for i = 4 + gone, #ARGV, 2 do
  redis.call('SADD', KEYS[1], ARGV[i])
  if ARGV[i + 1] == '' then
    redis.call('ZREM', KEYS[2], ARGV[i])
  else
    redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
  end
end
redis.call('SET', KEYS[3], ARGV[2])
return 1
