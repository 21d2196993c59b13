/** Requests as bytes over real sockets: with Node's client where it can say what is wanted, raw where it cannot. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest, Agent as SecureAgent } from "node:https";
import { connect } from "node:net";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The one error of an error body, if it is one. */
  readonly error: ApiError | undefined;
  /** `vidimus-code`. */
  readonly code: string | undefined;
}

export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Uint8Array | string;
}

export class HttpClient {
  readonly #port: number;
  readonly #agent: Agent;

  /** @param ca of the server's certificate; plain HTTP without */
  constructor(port: number, ca?: string) {
    this.#port = port;
    const options = { keepAlive: true, maxSockets: 64 };
    this.#agent = ca === undefined ? new Agent(options) : new SecureAgent({ ...options, ca });
  }

  /** As `send`. */
  request(path: string, options?: RequestOptions): Promise<Answer> {
    return send({ port: this.#port, agent: this.#agent }, path, options);
  }

  /** Sends bytes on a connection of their own and reads what comes until it closes or is silent. */
  raw(bytes: Uint8Array | string, { halfClose = true, silence = 3_000 } = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: this.#port, allowHalfOpen: true });
      const chunks: Buffer[] = [];
      const done = () => {
        socket.destroy();
        resolve(Buffer.concat(chunks).toString("latin1"));
      };
      socket.setTimeout(silence, done);
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("end", done);
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNRESET" || error.code === "EPIPE") done();
        else reject(error);
      });
      socket.write(bytes);
      if (halfClose) socket.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Where a request goes, and on which connections. */
export interface Target {
  readonly port: number;
  readonly agent: Agent;
  /** Told the client's port of each answer that was read to its end, before anybody has it. */
  readonly ended?: (port: number) => void;
}

/** The path goes out as it is. Rejects if no answer comes within ten seconds. */
export function send(
  { port, agent, ended }: Target,
  path: string,
  { method = "GET", headers = {}, body }: RequestOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const ask = agent instanceof SecureAgent ? httpsRequest : httpRequest;
    const request = ask({
      host: "127.0.0.1",
      port,
      path,
      method,
      agent,
      headers: { ...length, ...headers },
    });
    request.setTimeout(10_000, () => request.destroy(new Error("no answer within ten seconds")));
    request.on("error", reject);
    request.on("response", (response) => {
      // At the end of the answer the response has let go of it.
      const { localPort = 0 } = response.socket;
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        ended?.(localPort);
        resolve(answer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks)));
      });
    });
    request.end(body);
  });
}

/** The status of a raw answer; 0 if there is none. */
export function statusOf(raw: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(raw)?.[1] ?? 0);
}

export function answer(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  const code = headers["vidimus-code"];
  return {
    status,
    headers,
    body,
    error: errorOf(headers, body),
    code: typeof code === "string" ? code : undefined,
  };
}

function errorOf(headers: IncomingHttpHeaders, body: Buffer): ApiError | undefined {
  const isJson = headers["content-type"]?.startsWith("application/json") && !headers["content-encoding"];
  if (!isJson || body.length === 0) return undefined;
  const { errors } = JSON.parse(body.toString("utf8")) as { errors?: ApiError[] };
  return errors?.[0];
}
