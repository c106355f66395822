-- Publishes one candidate unless its need was published less than one scan ago.
-- KEYS: stream, marker. ARGV: the marker's life in milliseconds, the stream's length limit, then field, value, ...
-- Returns 1 published, 0 already there, -1 stream full. The marker is set after the entry exists: a script that fails in
-- between leaves an entry that may be published twice, never a marker that hides a need nobody was told of.
if redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return -1
end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return 1
