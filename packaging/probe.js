/**
 * The image's health check: asks the server of this container for /livez, at the address in its ready file.
 * Exit code 0 if it answers 200 within four seconds. It talks to its own machine, so it does not check the certificate.
 */
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const { url, operations } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const probe = new URL("/livez", operations ?? url);
const client = probe.protocol === "https:" ? https : http;
const request = client.get(probe, { rejectUnauthorized: false, timeout: 4_000 }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
});
request.on("timeout", () => process.exit(1));
request.on("error", () => process.exit(1));
