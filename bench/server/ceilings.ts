/** Servers that only give prepared answers: what a server in Node, and one in C, could reach at best. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyFiles } from "../../test/interop/support/certificates.ts";
import { freePort, start } from "../../test/interop/support/process.ts";
import type { Competitor } from "./competitor.ts";
import { asServer } from "./processors.ts";

const environment = { PATH: process.env.PATH ?? "" };

/** `tls`: for `https`, with the authority's file. */
export async function startBare(
  kind: "http" | "https" | "fastify",
  directory: string,
  site: string,
  tls?: KeyFiles & { readonly ca: string },
): Promise<Competitor> {
  mkdirSync(directory, { recursive: true });
  const ready = join(directory, "port");
  const child = join(import.meta.dirname, "../children/bare-server.js");
  const files = tls === undefined ? [] : [tls.privateKey, tls.certificate];
  const [program = "", ...args] = [...asServer, process.execPath, child, kind, join(site, "answers.json")];
  const server = await start(program, [...args, ready, ...files], {
    env: environment,
    log: join(directory, "log"),
    ready: () => existsSync(ready),
  });
  const scheme = kind === "https" ? "https" : "http";
  return {
    name: kind === "fastify" ? "bare fastify" : `bare node:${kind}`,
    url: `${scheme}://127.0.0.1:${readFileSync(ready, "utf8")}`,
    ca: tls?.ca ?? "",
    pids: [server.pid],
    stop: server.stop,
  };
}

/** One worker that keeps files open and answers with what was compressed beforehand where that is accepted. */
export async function startNginx(directory: string, site: string): Promise<Competitor> {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const configuration = join(directory, "nginx.conf");
  const scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(directory, name)};`)
    .join(" ");
  writeFileSync(
    configuration,
    `daemon off; worker_processes 1; pid ${join(directory, "pid")}; error_log ${join(directory, "error")};
    ${process.getuid?.() === 0 ? "user root;" : ""}
    events { worker_connections 1024; }
    http {
      access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; ${scratch}
      open_file_cache max=1000; open_file_cache_valid 1h; default_type application/json;
      server { listen 127.0.0.1:${port}; root ${site}; gzip_static on; }
    }`,
  );
  const [program = "", ...args] = [...asServer, "nginx", "-c", configuration, "-e", join(directory, "error")];
  const url = `http://127.0.0.1:${port}`;
  const server = await start(program, args, {
    env: environment,
    log: join(directory, "log"),
    ready: async () => (await fetch(url)).status > 0,
  });
  return { name: "nginx", url, ca: "", pids: [server.pid], stop: server.stop };
}
