/** IDs of proposals that a person shortens: one is found, several are named, and none is guessed. */
import { describe, expect, it } from "vitest";
import { exitCodes, exitNameOf } from "../../src/cli/exit-codes.ts";
import { idOf } from "../../src/cli/publishing/proposal-desk.ts";
import type { Desk } from "../../src/cli/publishing/tools.ts";
import type { PublishError } from "../../src/publisher/errors.ts";

const ids = ["0123456789abcdef", "0123457700000000", "fedcba0000000000"];

/** A desk whose server lists these proposals, and counts how often it is asked. */
function desk(): Desk & { asked: number } {
  const proposals = ids.map((id) => ({
    id,
    repository: "example.test/app",
    state: "open",
    revision: 1,
    complete: false,
    opened: { at: "2027-01-01T00:00:00.000Z", by: "somebody" },
    expires: "2027-02-01T00:00:00.000Z",
    note: "",
    release: "",
    reason: "",
    files: [],
  }));
  const made = {
    asked: 0,
    trust: {
      sender: async (repository: string) => ({
        repository,
        fetcher: {
          origin: "https://server.test",
          call: async () => {
            made.asked++;
            return { status: 200, code: undefined, body: Buffer.from(JSON.stringify({ proposals })) };
          },
        },
      }),
    },
  };
  return made as unknown as Desk & { asked: number };
}

const meant = (text: string, at = desk()) => idOf(at, "example.test/app", text);
const refusal = async (text: string): Promise<PublishError> =>
  await meant(text).then(
    () => expect.fail("it was found"),
    (error: PublishError) => error,
  );

describe("an ID", () => {
  it("that is whole is taken as it is, and nobody is asked", async () => {
    const at = desk();
    expect(await meant("0123456789ABCDEF", at)).toBe("0123456789abcdef");
    expect(await meant("aaaaaaaaaaaaaaaa", at)).toBe("aaaaaaaaaaaaaaaa");
    expect(at.asked).toBe(0);
  });

  it.each([
    ["fedcba", "fedcba0000000000"],
    ["01234567", "0123456789abcdef"],
    ["0123457", "0123457700000000"],
  ])("that is shortened to %s is found where one alone begins so", async (text, id) => {
    expect(await meant(text)).toBe(id);
  });

  it("that several begin with is refused by a code of its own, which names them", async () => {
    const error = await refusal("012345");
    expect([error.code, exitCodes[exitNameOf(error)].code]).toEqual(["PROPOSAL_AMBIGUOUS", 64]);
    expect(error.message).toContain("0123456789abcdef (open), 0123457700000000 (open)");
  });

  it.each(["abcdef", "fedcb", "odd", "", "0123456789abcdef0", "*"])("that is none: %j", async (text) => {
    const error = await refusal(text);
    expect([error.code, exitCodes[exitNameOf(error)].code]).toEqual([
      "PROPOSAL_UNKNOWN",
      exitCodes.proposalUnknown.code,
    ]);
  });
});
