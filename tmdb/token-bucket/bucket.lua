-- One sync of one process with the shared bucket: takes its returned tokens, adds or removes its places in the
-- queue, grants the tokens that it is due, and says when to call again. Redis runs the script as a whole or not at all.
--
-- KEYS: 1 meta    hash: the limit, closed until, paused until, and values to detect a loss of data
--       2 tokens  token id -> the moment it is free. In use: grant + timeout + window. Cooling: response + window
--       3 line    the queue: consumer ids, one for each waiter, in order of arrival
--       4 seen    consumer id -> its last sync; only of consumers in the queue
-- ARGV: 1 the request as JSON, in milliseconds (see SyncRequest in token-store.ts)
--
-- Moments are microseconds of the server's clock, the only clock: those of the consumers may be wrong by hours.
local meta_key, tokens_key, line_key, seen_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local request = cjson.decode(ARGV[1])
local me = request.consumer

local function micros(ms) return math.floor(ms * 1000) end
-- tostring() keeps 14 digits; a moment has 16.
local function text(number) return string.format('%.0f', number) end
local function within(value, least, most)
  local number = tonumber(value)
  return number and number >= least and number <= most and number or nil
end

-- All tokens are free this much later.
local function delay_tokens(by)
  local tokens = redis.call('ZRANGE', tokens_key, 0, -1, 'WITHSCORES')
  for index = 1, #tokens, 2 do redis.call('ZADD', tokens_key, text(tokens[index + 1] + by), tokens[index]) end
end

local now
if request.nowMs then
  now = micros(request.nowMs)
else
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local meta = {}
do
  local flat = redis.call('HGETALL', meta_key)
  for index = 1, #flat, 2 do meta[flat[index]] = flat[index + 1] end
end

-- The limit is that of the process that started last; stamps are in the order of starts.
local asked_window = micros(request.limit.windowMs)
local capacity, window = within(meta.capacity, 1, 1e9), within(meta.window, 1, 1e13)
local stamp = within(meta.stamp, 0, 9e15)
local knows_limit = capacity and window and stamp
if not knows_limit then capacity, window, stamp = request.limit.capacity, asked_window, 0 end

-- After a restart or failover (another run id), or the loss of a key or of tokens, all earlier grants may be
-- lost. All of them are older than now, so one window without a grant makes up for it.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and info:match('run_id:(%w+)') or ''
local is_other_run = run ~= '' and run ~= meta.run -- mutant: tokens.other-server
local is_lost = not knows_limit or is_other_run or tonumber(meta.count) ~= redis.call('ZCARD', tokens_key) -- mutant: tokens.evicted
-- Bounded, like all values that are read: the server's clock may have been set back, or a value tampered with.
local closed = math.min(within(meta.closed, 0, 9e15) or 0, now + window)
if is_lost then closed = now + window end -- mutant: tokens.lost-store

if request.decides and request.stamp > stamp then
  if asked_window > window then
    -- Tokens that are free after the old window may not be free after the new one; the store has forgotten them.
    delay_tokens(asked_window - window)
    closed = now + asked_window
  end
  capacity, window, stamp = request.limit.capacity, asked_window, request.stamp
end

-- The longest timeout in the fleet, unless it is absurdly long.
local asked_timeout = micros(request.requestTimeoutMs)
local timeout = within(meta.timeout, asked_timeout, 10 * asked_timeout) or asked_timeout
local hold = timeout + window

-- The clock was set forward: tokens that still cool return as much later, and those that were freed too early are not granted
-- meanwhile. Every process that notices it reports it, which only costs time; never more than a window for each.
local step = math.min(micros(request.clockStepMs), window)
if step > 0 then
  delay_tokens(step)
  closed = math.max(closed, now + step)
end

local too_far = redis.call('ZRANGEBYSCORE', tokens_key, '(' .. text(now + hold), '+inf')
for _, id in ipairs(too_far) do redis.call('ZADD', tokens_key, text(now + hold), id) end

local function own(token) return me .. ':' .. token end
for _, token in ipairs(request.unused) do redis.call('ZREM', tokens_key, own(token)) end
for _, token in ipairs(request.returned) do
  redis.call('ZADD', tokens_key, text(now - micros(token.agoMs) + window), own(token.id)) -- mutant: tokens.returned
end
-- The store knows these tokens unless it lost them. While its holder lives, a token does not return, however long the request takes.
local alive_until = now + window + math.min(timeout, micros(request.staleMs))
for _, token in ipairs(request.held) do
  local free_at = tonumber(redis.call('ZSCORE', tokens_key, own(token)) or now + hold)
  redis.call('ZADD', tokens_key, text(math.max(free_at, alive_until)), own(token)) -- mutant: tokens.held-while-alive
end
redis.call('ZREMRANGEBYSCORE', tokens_key, '-inf', text(now))

local longest_pause = micros(request.longestPauseMs)
local paused = math.min((within(meta.paused, 0, 9e15) or 0) + step, now + longest_pause)
if request.pauseMs > 0 then
  paused = math.max(paused, now + math.min(micros(request.pauseMs), longest_pause))
end

-- A consumer that has not called for too long loses its places: it is dead, or joins the queue again.
local is_seen = {}
do
  local seen = redis.call('ZRANGE', seen_key, 0, -1, 'WITHSCORES')
  for index = 1, #seen, 2 do
    local id, at = seen[index], tonumber(seen[index + 1])
    if at < now - micros(request.staleMs) then
      redis.call('ZREM', seen_key, id)
    else
      is_seen[id] = true
      if at > now then redis.call('ZADD', seen_key, text(now), id) end
    end
  end
end

local places = 0
for _, id in ipairs(redis.call('LRANGE', line_key, 0, -1)) do
  if not is_seen[id] then
    redis.call('LREM', line_key, 0, id)
  elseif id == me then
    places = places + 1
  end
end
if places > request.wanted then redis.call('LREM', line_key, request.wanted - places, me) end
for _ = places + 1, request.wanted do redis.call('RPUSH', line_key, me) end

-- The first places in the queue have a right to the free tokens. This consumer receives its own; the others call for theirs.
local gate = math.max(closed, paused)
local free = capacity - redis.call('ZCARD', tokens_key) -- mutant: tokens.capacity
local line = redis.call('LRANGE', line_key, 0, -1)
local granted, first_waiting = 0, nil
for place, id in ipairs(line) do
  if id == me then
    if now < gate or place > free then
      first_waiting = place
      break
    end
    redis.call('ZADD', tokens_key, text(now + hold), own(request.call .. ':' .. granted))
    granted = granted + 1
  end
end
if granted > 0 then redis.call('LREM', line_key, granted, me) end
if first_waiting then
  redis.call('ZADD', seen_key, text(now), me)
else
  redis.call('ZREM', seen_key, me)
end

-- The earliest moment at which our first waiter can be due: at place k it takes the (k - free)th token from now on.
local wait = -1
if first_waiting then
  local due = gate
  local nth = first_waiting - free
  if nth > 0 then
    local token = redis.call('ZRANGE', tokens_key, nth - 1, nth - 1, 'WITHSCORES')
    -- A token in use may have been returned up to reportDelayMs ago without a report.
    local earliest_return = now + window - micros(request.reportDelayMs)
    due = math.max(due, math.min(tonumber(token[2] or earliest_return), earliest_return))
  end
  wait = math.max(due - now, 1)
end

redis.call('HSET', meta_key, 'capacity', text(capacity), 'window', text(window), 'stamp', text(stamp),
  'timeout', text(timeout), 'closed', text(closed), 'paused', text(paused), 'run', run ~= '' and run or meta.run or '',
  'count', redis.call('ZCARD', tokens_key))

return cjson.encode({
  granted = granted,
  wait = wait,
  now = text(now),
  stamp = text(math.max(stamp + 1, now)),
  capacity = capacity,
  window = window,
  tokensLeft = now < closed and 0 or math.max(free - granted, 0),
  waiting = #line - granted,
  paused = math.max(paused - now, 0),
  isLost = is_lost,
  tooFar = #too_far,
})
