import { describe, expect, it } from "vitest";
import { TrustError } from "../../../src/client/errors.ts";
import { Shared, within } from "../../../src/client/fetch/within.ts";
import { trustCodeOf } from "../../support/fetching.ts";

const never = new AbortController().signal;

describe("shared work", () => {
  /** Work that ends when it is told to, or when its signal fires. */
  function begin() {
    const shared = new Shared<string>();
    const done = Promise.withResolvers<string>();
    const signals: AbortSignal[] = [];
    const work = (signal: AbortSignal) => {
      signals.push(signal);
      return done.promise;
    };
    return { done, signals, wait: (signal: AbortSignal, key = "a") => shared.run(key, signal, work) };
  }

  it("goes on for the others when one who waits is called off", async () => {
    const { done, signals, wait } = begin();
    const caller = new AbortController();
    const off = trustCodeOf(wait(caller.signal));
    const on = wait(never);
    caller.abort();
    expect(await off).toBe("TIMEOUT");
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    done.resolve("made");
    expect(await on).toBe("made");
  });

  it("ends when nobody waits any more, and is begun anew for the next", async () => {
    const { done, signals, wait } = begin();
    const caller = new AbortController();
    const both = [wait(caller.signal), wait(caller.signal)].map(trustCodeOf);
    caller.abort(new TrustError("UNREACHABLE", "Closed."));
    expect(await Promise.all(both)).toEqual(["UNREACHABLE", "UNREACHABLE"]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    const next = wait(never);
    done.resolve("made");
    expect(await next).toBe("made");
    expect(signals).toHaveLength(2);
  });

  it("fails for all who wait, and is of one key", async () => {
    const { done, signals, wait } = begin();
    const all = [wait(never), wait(never), wait(never, "b")].map(trustCodeOf);
    done.reject(new TrustError("FORBIDDEN", "No."));
    expect(await Promise.all(all)).toEqual(["FORBIDDEN", "FORBIDDEN", "FORBIDDEN"]);
    expect(signals).toHaveLength(2);
  });

  it("is not begun for who was called off before", async () => {
    const { signals, wait } = begin();
    expect(await trustCodeOf(wait(AbortSignal.abort()))).toBe("TIMEOUT");
    expect(signals).toHaveLength(0);
  });
});

it("Work within bounds is not begun when one of its signals has fired", async () => {
  let begun = 0;
  const late = () => new TrustError("TIMEOUT", "Late.");
  const work = async () => ++begun;
  expect(await trustCodeOf(within(1_000, [never, AbortSignal.abort()], late, work))).toBe("TIMEOUT");
  expect(begun).toBe(0);
});
