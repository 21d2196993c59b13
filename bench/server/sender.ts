/** Requests over connections that are kept, as many as were asked for; nothing is retried. One for each measurement. */
import { readFileSync } from "node:fs";
import http, { type IncomingHttpHeaders } from "node:http";
import https from "node:https";
import type { Body } from "../../test/support/bare/exchange.ts";
import type { Competitor } from "./competitor.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** From the first byte sent to the last one read. */
  readonly milliseconds: number;
}

const limit = 60_000;

export class Sender {
  readonly #agent: http.Agent;
  readonly #url: string;
  readonly #request: typeof http.request;

  constructor({ url, ca }: Pick<Competitor, "url" | "ca">, connections = 1) {
    this.#url = url;
    const options = { keepAlive: true, maxSockets: connections };
    this.#agent = ca === "" ? new http.Agent(options) : new https.Agent({ ...options, ca: readFileSync(ca) });
    this.#request = ca === "" ? http.request : https.request;
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#send("GET", path, headers);
  }

  post(path: string, { type, bytes }: Body): Promise<Answer> {
    return this.#send("POST", path, { "content-type": type, "content-length": String(bytes.length) }, bytes);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const begun = performance.now();
      const options = { method, agent: this.#agent, headers, timeout: limit };
      const request = this.#request(`${this.#url}${path}`, options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes: Buffer.concat(chunks),
            milliseconds: performance.now() - begun,
          }),
        );
      });
      request.on("timeout", () => request.destroy(new Error(`no answer within ${limit} ms`)));
      request.on("error", reject);
      request.end(body);
    });
  }
}
