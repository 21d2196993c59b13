-- Asks for one address, or in turn for the paths that a file lists; ends with one line of JSON. Times in milliseconds.
local requests, at = {}, 0

function init(args)
  if args[1] == nil then return end
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path) end
  request = function()
    at = at % #requests + 1
    return requests[at]
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests":%d,"bytes":%d,"seconds":%f,"p99":%f,"failed":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(99) / 1000, failed))
end
