#!/usr/bin/env node
/**
 * The `vidimus` executable: finds a suitable Node and runs src/main.ts on it, or what was built from it.
 *
 * Invariants:
 * - Nothing but ./runtime.js is loaded before the version is known to be suitable or a suitable Node is found.
 * - The server's process never opens an inspector on SIGUSR1 (`--disable-sigusr1`) and never sees NODE_OPTIONS.
 * - The caller cannot tell this process from the server's: where the running Node can replace itself it does (same
 *   process ID); otherwise standard streams, signals and exit code are passed through, and the server ends when
 *   this process is killed (the IPC channel between them closes; src/main.ts listens).
 */
const { complaint, findMain, findNode, presentRuntime, unsuitableRuntime } = require("./runtime.js");

/**
 * What a terminal, npm, systemd or an operator may send. Listening to SIGUSR1 also keeps this process, which an older
 * Node runs without `--disable-sigusr1`, from opening an inspector.
 */
const forwarded = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/**
 * File descriptors that a `fd:` secret or `--passphrase-fd` names: they must reach the server, so they rule out replacing
 * the process.
 */
function namedDescriptors(args, env) {
  const pairs = args.map((text, index) => (index > 0 ? `${args[index - 1]}=${text}` : text));
  const texts = args.concat(
    pairs,
    Object.keys(env).map((name) => env[name]),
  );
  const numbers = texts
    .map((text) => /(?:(?:^|=)fd:|^--passphrase-fd=)([0-9]{1,2})$/.exec(text))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]));
  return numbers.filter((number) => number > 2);
}

function run() {
  const runtime = presentRuntime();
  const node = findNode(runtime);
  if (node === undefined) {
    console.error(complaint(runtime));
    process.exitCode = unsuitableRuntime;
    return;
  }
  // biome-ignore lint/style/useNodejsImportProtocol: the running Node may be too old to know the "node:" prefix
  const main = findMain(require("path").join(__dirname, ".."));
  if (main === undefined) {
    console.error("This package was packed before it was built: pack it again with npm run pack:server.");
    process.exitCode = 1;
    return;
  }
  const args = ["--disable-sigusr1", main].concat(process.argv.slice(2));
  const env = Object.assign({}, process.env);
  delete env.NODE_OPTIONS;
  const descriptors = namedDescriptors(process.argv.slice(2), env);
  if (typeof process.execve === "function" && descriptors.length === 0) {
    process.execve(node, [node].concat(args), env);
  } else {
    spawnAndMirror(node, args, env, descriptors);
  }
}

function spawnAndMirror(node, args, env, descriptors) {
  // biome-ignore lint/style/useNodejsImportProtocol: the running Node may be too old to know the "node:" prefix
  const { spawn } = require("child_process");
  const stdio = ["inherit", "inherit", "inherit"];
  for (const descriptor of descriptors) {
    while (stdio.length < descriptor) stdio.push("ignore");
    stdio[descriptor] = descriptor;
  }
  stdio.push("ipc");
  const child = spawn(node, args, { env, stdio });
  const handlers = forwarded.map((signal) => {
    const handler = () => child.kill(signal);
    process.on(signal, handler);
    return [signal, handler];
  });
  child.on("error", () => {
    console.error(`The Node at ${node} could not be started: install Node 24 or newer.`);
    process.exit(unsuitableRuntime);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    for (const [name, handler] of handlers) process.removeListener(name, handler);
    process.kill(process.pid, signal);
  });
}

run();
