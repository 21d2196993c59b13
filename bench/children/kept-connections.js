/**
 * Reads of one address over connections that stay open, one request at a time on each. Arguments: port, path, connections,
 * seconds. Prints one line of JSON: how many answers there were, in how many seconds; in milliseconds the 99th percentile of
 * the first answers, which wait for their connection to be accepted, and of all others. `wrk` cannot tell these two apart.
 *
 * As `wrk` does, a stall counts for every request that would have been sent in it (coordinated omission).
 */
import { connect } from "node:net";

const [port, path, connections, seconds] = process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
const firsts = [];
const others = [];
const begun = performance.now();
const end = begun + Number(seconds) * 1_000;

function open() {
  const socket = connect(Number(port), "127.0.0.1");
  socket.setNoDelay(true);
  let sent = performance.now();
  let isFirst = true;
  let missing = -1;
  const send = () => {
    missing = -1;
    socket.write(request);
  };
  socket.on("connect", send);
  socket.on("error", (error) => {
    throw error;
  });
  socket.on("data", (bytes) => {
    if (missing < 0) missing = lengthOf(bytes);
    missing -= bytes.length;
    if (missing > 0) return;
    const now = performance.now();
    (isFirst ? firsts : others).push(now - sent);
    isFirst = false;
    sent = now;
    if (now < end) send();
    else socket.destroy();
  });
}

/** Bytes of an answer, by its head, which comes in one piece: it is short. */
function lengthOf(bytes) {
  const head = bytes.toString("latin1", 0, bytes.indexOf("\r\n\r\n"));
  const length = /^content-length: (\d+)$/im.exec(head);
  if (!head.startsWith("HTTP/1.1 200 ") || length === null) throw new Error(`not an answer: ${head}`);
  return head.length + 4 + Number(length[1]);
}

function p99(samples) {
  return samples.sort((a, b) => a - b)[Math.floor(samples.length * 0.99)] ?? 0;
}

/** With what a stall kept from being sent. */
function corrected(samples, interval) {
  const all = [...samples];
  for (const sample of samples)
    for (let left = sample - interval; left > interval; left -= interval) all.push(left);
  return all;
}

for (let at = 0; at < Number(connections); at++) open();
process.on("exit", () => {
  const elapsed = performance.now() - begun;
  const answers = firsts.length + others.length;
  const interval = elapsed / (answers / Number(connections));
  const result = {
    answers,
    seconds: elapsed / 1_000,
    first: p99(firsts),
    p99: p99(corrected(others, interval)),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
});
