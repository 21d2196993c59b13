/** One bounded HTTPS request to a server under test, with its own authority and nothing else trusted. */

import { readFileSync } from "node:fs";
import { request } from "node:https";

const mostBytes = 4 * 1024 * 1024;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** @throws when there is no answer within ten seconds, or more than 4 MiB of it. */
export function fetchFrom(
  server: { readonly url: string; readonly ca: string },
  path: string,
  method = "GET",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${server.url}${path}`,
      { method, ca: readFileSync(server.ca), agent: false, timeout: 10_000 },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > mostBytes) answer.destroy(new Error(`more than ${mostBytes} bytes`));
          else chunks.push(chunk);
        });
        answer.on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
      },
    );
    call.on("timeout", () => call.destroy(new Error("no answer within 10 s")));
    call.on("error", reject);
    call.end();
  });
}
