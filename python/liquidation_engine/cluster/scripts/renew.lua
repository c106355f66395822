-- KEYS: lock. ARGV: token, life in milliseconds. Returns 1 when it was still ours and lives on; an expired lock stays lost.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
