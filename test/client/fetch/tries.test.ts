import { describe, expect, it, vi } from "vitest";
import { TrustError } from "../../../src/client/errors.ts";
import { retryAfterOf } from "../../../src/client/fetch/failure.ts";
import { withTries } from "../../../src/client/fetch/tries.ts";
import { trustCodeOf } from "../../support/fetching.ts";

const never = new AbortController().signal;

/** What is waited beyond the usual delay after a server said when to come back, in milliseconds. */
async function waitedAfter(retryAfter: number, tries: number): Promise<readonly number[]> {
  const waited: number[] = [];
  const wait = async (milliseconds: number) => void waited.push(milliseconds);
  const busy = async () => {
    throw new TrustError("SERVER_ERROR", "Busy.", { detail: { status: 503, retryAfter } });
  };
  expect(await trustCodeOf(withTries({ tries, firstDelay: 1, wait }, never, busy))).toBe("SERVER_ERROR");
  return waited;
}

describe("Retry-After", () => {
  it("is waited for before each further try, and not after the last", async () => {
    const waited = await waitedAfter(3, 3);
    expect(waited).toHaveLength(2);
    for (const each of waited) expect(each).toBeGreaterThan(2_900);
  });

  it("is heeded up to five seconds", async () => {
    const [waited = 0] = await waitedAfter(86_400, 2);
    expect(waited).toBeLessThan(5_000);
    expect(waited).toBeGreaterThan(4_900);
  });

  it.each([
    ["0", 0],
    ["120", 120],
    ["Thu, 01 Jan 1970 00:01:40 GMT", 90],
    ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
    ["soon", undefined],
    ["-1", undefined],
    ["1e9", undefined],
    ["9999999999", undefined],
    [undefined, undefined],
  ])("%j means %j seconds", (header, seconds) => {
    expect(retryAfterOf(header, 10_000)).toBe(seconds);
  });
});

it("Chance has a part in every delay, so that many clients do not come back at once", async () => {
  const random = vi.spyOn(Math, "random");
  try {
    await waitedAfter(0, 4);
    expect(random.mock.calls.length).toBeGreaterThanOrEqual(3);
  } finally {
    random.mockRestore();
  }
});

it("What no further try can mend is thrown at once, also by a later try", async () => {
  let count = 0;
  const wait = async () => {};
  const work = async () => {
    throw new TrustError(++count === 2 ? "TLS_UNTRUSTED" : "UNREACHABLE", "No.");
  };
  expect(await trustCodeOf(withTries({ tries: 9, firstDelay: 1, wait }, never, work))).toBe("TLS_UNTRUSTED");
  expect(count).toBe(2);
});
