/** Agents that say nothing, too much, or something else than they were asked. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { keyCodeOf } from "../../contract/custody.ts";
import { agent, custodyOf, ids, keys, message, unlocking } from "../../support/agent-keys.ts";
import { bareKey } from "../../support/bare/keys.ts";
import {
  type Answer,
  type FakeAgentOptions,
  type FakeKey,
  failure,
  fakeKey,
  identitiesAnswer,
  mpint,
  number,
  signAnswer,
  word,
} from "../../support/fake-agent.ts";

const neverEnding: Answer = (socket) => {
  const more = () => {
    while (socket.write(Buffer.alloc(65_536)));
  };
  socket.on("drain", more);
  socket.write(number(262_144));
  more();
};

/** What is answered to a question of the list or of a signature, without being an answer to it. */
const nonsense: readonly (readonly [string, Answer])[] = [
  ["the announcement of a gigabyte", (socket) => socket.write(number(2 ** 30))],
  ["an empty message", (socket) => socket.write(number(0))],
  ["more than it announced", (socket) => socket.write(Buffer.concat([number(1), Buffer.from([5, 5])]))],
  ["without an end", neverEnding],
  ["half an answer", (socket) => socket.end(Buffer.concat([number(100), Buffer.from([12])]))],
  ["nothing and hangs up", (socket) => socket.end()],
];

describe("a hostile agent", () => {
  it.each(nonsense)("that answers %s is unreachable", async (_what, answer) => {
    const custody = await custodyOf({ onList: () => answer });
    expect(await keyCodeOf(custody.list())).toBe("AGENT_UNREACHABLE");
    await expect.poll(() => agent?.connections).toBe(0);
  });

  it.each(nonsense)("that answers %s to a signature is unreachable", async (_what, answer) => {
    const custody = await custodyOf({ onSign: () => answer });
    const open = await custody.open(ids.ecdsa, unlocking);
    expect(await keyCodeOf(open.sign(message))).toBe("AGENT_UNREACHABLE");
  });

  it.each([
    ["another type of answer", () => signAnswer(Buffer.alloc(0))],
    ["fewer keys than it counts", () => identitiesAnswer(keys, 4)],
    ["more keys than it counts", () => identitiesAnswer(keys, 2)],
    ["four billion keys", () => identitiesAnswer(keys, 2 ** 32 - 1)],
    ["2,000 keys", () => identitiesAnswer(Array.from({ length: 2_000 }, () => keys[1] as FakeKey))],
    ["a string beyond the end", () => Buffer.concat([Buffer.from([12]), number(1), number(2 ** 32 - 1)])],
  ])("that lists %s is unreachable", async (_what, answer) => {
    const custody = await custodyOf({ onList: answer });
    expect(await keyCodeOf(custody.list())).toBe("AGENT_UNREACHABLE");
  });

  it("that says nothing is unreachable within the limit", async () => {
    const silent: FakeAgentOptions = { onList: () => undefined };
    expect(await keyCodeOf((await custodyOf(silent, { listTimeout: 50 })).list())).toBe("AGENT_UNREACHABLE");
    await expect.poll(() => agent?.connections).toBe(0);
  });

  it("that says nothing to a signature is unreachable within the limit", async () => {
    const custody = await custodyOf({ onSign: () => undefined }, { signTimeout: 50 });
    const open = await custody.open(ids.ecdsa, unlocking);
    expect(await keyCodeOf(open.sign(message))).toBe("AGENT_UNREACHABLE");
  });

  it("that says nothing is let go of when the custody is closed", async () => {
    const custody = await custodyOf({ onList: () => undefined });
    const listing = keyCodeOf(custody.list());
    await expect.poll(() => agent?.connections).toBe(1);
    await custody.close();
    await custody.close();
    expect(await listing).toBe("AGENT_UNREACHABLE");
    expect(await keyCodeOf(custody.list())).toBe("AGENT_UNREACHABLE");
  });

  it.each([5, 30, 102])("that refuses (%d) is told as refusing", async (type) => {
    const refusing = await custodyOf({ onList: () => Buffer.from([type]) });
    expect(await keyCodeOf(refusing.list())).toBe("AGENT_REFUSED");
  });

  it("that refuses to sign is told as refusing", async () => {
    const custody = await custodyOf({ onSign: () => failure });
    const open = await custody.open(ids.ecdsa, unlocking);
    expect(await keyCodeOf(open.sign(message))).toBe("AGENT_REFUSED");
  });

  const pair = (r: Buffer, s: Buffer) =>
    Buffer.concat([word("ecdsa-sha2-nistp256"), word(Buffer.concat([r, s]))]);
  const one = Buffer.from([1]);
  it.each<[string, keyof typeof ids, (honest: () => Buffer) => Buffer]>([
    ["of another message", "ecdsa", () => keys[0]?.sign(Buffer.from("another"), 0) as Buffer],
    [
      "of another key",
      "ecdsa",
      () => fakeKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, "").sign(message, 0),
    ],
    ["by another algorithm", "ecdsa", () => keys[1]?.sign(message, 0) as Buffer],
    ["with bytes behind it", "ecdsa", (honest) => Buffer.concat([honest(), one])],
    ["with a zero", "ecdsa", () => pair(mpint(Buffer.alloc(0)), mpint(one))],
    ["with a negative number", "ecdsa", () => pair(word(Buffer.alloc(32, 0xff)), mpint(one))],
    ["with a number beyond the curve", "ecdsa", () => pair(mpint(Buffer.alloc(33, 1)), mpint(one))],
    ["with a number too few", "ecdsa", () => pair(mpint(one), Buffer.alloc(0))],
    ["with a number too many", "ecdsa", () => pair(mpint(one), Buffer.concat([mpint(one), mpint(one)]))],
    [
      "in DER",
      "ecdsa",
      () => Buffer.concat([word("ecdsa-sha2-nistp256"), word(Buffer.from("3006020101020101", "hex"))]),
    ],
    [
      "of 63 bytes",
      "ed25519",
      (honest) => Buffer.concat([word("ssh-ed25519"), word(honest().subarray(-63))]),
    ],
    ["with SHA-1", "rsa", () => keys[2]?.sign(message, 0) as Buffer],
    [
      "longer than the modulus",
      "rsa",
      () => Buffer.concat([word("rsa-sha2-256"), word(Buffer.alloc(300, 1))]),
    ],
    ["of nothing", "rsa", () => Buffer.alloc(0)],
  ])("that makes a signature %s is found out", async (_what, name, make) => {
    const custody = await custodyOf({ onSign: (honest) => signAnswer(make(honest)) });
    const open = await custody.open(ids[name], unlocking);
    expect(await keyCodeOf(open.sign(message))).toBe("AGENT_REFUSED");
  });

  it("that lists the keys of somebody else cannot sign as them", async () => {
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const custody = await custodyOf({
      keys: [{ ...fakeKey(stranger, "s"), sign: (keys[0] as FakeKey).sign }],
    });
    const open = await custody.open(bareKey(stranger).listed.id, unlocking);
    expect(await keyCodeOf(open.sign(message))).toBe("AGENT_REFUSED");
  });
});
