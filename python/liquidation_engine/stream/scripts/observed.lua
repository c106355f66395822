-- Remembers liquidations by anyone, and publishes those that are new: both or neither.
-- KEYS: seen (sorted set), counter, stream. ARGV: pruning, most remembered, now in ms, life in ms (for ttl), whether to publish,
-- the stream's length limit, then id, event, ... Returns one 1 (new) or 0 per event.
local pruning, most, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if pruning == 'ttl' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[4]))
end
local answers = {}
for i = 7, #ARGV, 2 do
  local known = redis.call('ZSCORE', KEYS[1], ARGV[i])
  local rank = now
  if pruning ~= 'ttl' then
    rank = redis.call('INCR', KEYS[2])
  end
  if not known or pruning == 'lru' then
    redis.call('ZADD', KEYS[1], rank, ARGV[i])
  end
  if known then
    answers[#answers + 1] = 0
  else
    answers[#answers + 1] = 1
    if ARGV[5] == '1' then
      redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'id', ARGV[i], 'event', ARGV[i + 1])
    end
  end
end
local over = redis.call('ZCARD', KEYS[1]) - most
if over > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1)
end
return answers
