/**
 * Which recorded answer was whose: the server's record knows ports, the history knows instants.
 *
 * One connection at a time, so that the n-th answer on a port is the n-th that its client got there.
 */
import { Agent } from "node:http";
import { type Answer, type RequestOptions, send } from "../../support/client.ts";
import type { History, Span } from "./history.ts";
import type { TraceRecord } from "./trace.ts";
import type { Line } from "./watcher.ts";

interface Got {
  readonly at: number;
  readonly port: number;
  /** From 0, on that port. */
  readonly place: number;
}

export class TracedLine implements Line {
  readonly now: () => number;
  readonly #history: History;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #got: Got[] = [];
  readonly client = {
    request: (path: string, options?: RequestOptions) => this.#request(path, options),
    close: () => this.#agent.destroy(),
  };
  readonly #port: number;

  constructor(port: number, now: () => number, history: History) {
    this.#port = port;
    this.now = now;
    this.#history = history;
  }

  /** The place in the trace at which the answer to something was sent. */
  answered({ began, ended }: Span, trace: readonly TraceRecord[]): number | undefined {
    const got = this.#got.findLast(({ at }) => at > began && at < ended);
    if (got === undefined) return undefined;
    const sent = trace.flatMap(({ kind, offset }, i) =>
      kind === "answer" && offset === got.port ? [i] : [],
    );
    return sent[got.place];
  }

  #request(path: string, options?: RequestOptions): Promise<Answer> {
    const ended = (port: number) => {
      const place = this.#got.filter((each) => each.port === port).length;
      this.#got.push({ at: this.#history.tick(), port, place });
    };
    return send({ port: this.#port, agent: this.#agent, ended }, path, options);
  }
}
