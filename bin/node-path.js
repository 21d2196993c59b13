#!/usr/bin/env node
/** Prints the path of the Node that runs Vidimus, for `node_path=$(node bin/node-path.js) && exec "$node_path" …`. */
const { complaint, findNode, presentRuntime, unsuitableRuntime } = require("./runtime.js");

const runtime = presentRuntime();
const found = findNode(runtime);
if (found === undefined) {
  console.error(complaint(runtime));
  process.exitCode = unsuitableRuntime;
} else {
  console.log(found);
}
