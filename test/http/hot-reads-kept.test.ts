/** What the short way keeps of the paths that it has parsed. */
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { FileAnswers } from "../../src/http/answers.ts";
import { hotReads } from "../../src/http/hot-reads.ts";
import type { Served } from "../../src/service/service.ts";

describe("what a path means", () => {
  /** How often one had to be parsed. */
  let parsed: number;
  const asking = (isThere: boolean) => {
    parsed = 0;
    const short = hotReads({
      lookup: { find: () => (isThere ? file : undefined), leave: () => undefined },
      answers: new FileAnswers({ current: 0, consistent: 0 }),
      metrics: { count: () => undefined },
      logger: { isLevelEnabled: () => false },
      isAllowed: () => true,
      meaningOf() {
        parsed++;
        return { kind: "current", repository: "a", role: "root" };
      },
    });
    return (url: string) => {
      const message = Object.assign(new IncomingMessage(new Socket()), { method: "GET", url });
      return short(message, new ServerResponse(message));
    };
  };
  const file: Served = {
    role: "root",
    version: 1,
    bytes: Buffer.from("{}"),
    sha256: "00",
    storedAt: 0,
  };

  it("is found out once for a file that is there", () => {
    const ask = asking(true);
    expect([ask("/a"), ask("/a"), parsed]).toEqual([true, true, 1]);
  });

  it("is not kept with a query, nor of what is not there", () => {
    const [there, nothing] = [asking(true), asking(false)];
    expect([there("/a?b"), there("/a?b"), parsed]).toEqual([true, true, 2]);
    parsed = 0;
    expect([nothing("/a"), nothing("/a"), parsed]).toEqual([false, false, 2]);
  });

  it.each([
    ["many", 12_000, 1],
    ["long", 1_200, 4_000],
  ])("is kept within a bound of %s ones: the oldest goes", (_, count, length) => {
    const ask = asking(true);
    const target = (at: number) => `/${at}`.padEnd(length, "x");
    for (let at = 0; at < count; at++) ask(target(at));
    ask(target(count - 1));
    expect(parsed).toBe(count);
    ask(target(0));
    expect(parsed).toBe(count + 1);
  });
});
