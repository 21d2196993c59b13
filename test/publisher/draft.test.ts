import { beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { applyEdits } from "../../src/publisher/apply.ts";
import {
  brokenBy,
  changesOf,
  type Draft,
  digestOf,
  draftFrom,
  draftOf,
  isComplete,
  joined,
  type Signatures,
  sealed,
  signDraft,
  signersOf,
  standingOf,
} from "../../src/publisher/draft.ts";
import type { Edit } from "../../src/publisher/edits.ts";
import { bareKeyIdOf, inHand, signing, stateOf } from "../support/drafting.ts";
import { newClient, update } from "../support/reader.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

let sim: Simulator;

beforeEach(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/releases");
  sim.publish();
});

function draft(...edits: readonly Edit[]): Draft {
  const state = stateOf(sim);
  return draftOf(sim.repository, signing, state, applyEdits(state, edits, signing));
}

const add = (name: string, role = "targets"): Edit => ({
  edit: "add",
  role,
  name,
  target: someTarget(name),
  stood: null,
});

const standing = (made: Draft, ...all: readonly Signatures[]) =>
  standingOf(made, joined(...all)).map(
    ({ by, needed, signed, missing }) => `${by} ${signed.length}/${needed}, ${missing.length} missing`,
  );

describe("who signs", () => {
  it("is who the newest parent lists, each key once for a role", async () => {
    const two = newKey();
    const [one] = sim.targetsOf("targets").keys;
    const made = draft(
      { edit: "keys", role: "targets", add: [two.listed], remove: [] },
      { edit: "threshold", role: "targets", threshold: 2 },
    );
    expect(standing(made)).toEqual([
      "root before 0/1, 1 missing",
      "root 0/1, 1 missing",
      "targets 0/2, 2 missing",
    ]);
    const first = await signDraft(made, inHand(one as never));
    const second = await signDraft(made, inHand(two));
    expect([...first.keys()]).toEqual(["targets"]);
    expect(standing(made, first, first)).toContain("targets 1/2, 1 missing");
    expect(standing(made, first, second)).toContain("targets 2/2, 0 missing");
  });

  it("for a next root is who signed the last one, and the next ones", async () => {
    const [old, next] = [sim.root.keys[0], await sim.rootKey()];
    const made = draft({ edit: "keys", role: "root", add: [next.listed], remove: [old?.listed.id ?? ""] });
    const [byOld, byNext] = [
      await signDraft(made, inHand(old as never)),
      await signDraft(made, inHand(next)),
    ];
    expect(standing(made, byNext)).toEqual(["root before 0/1, 1 missing", "root 1/1, 0 missing"]);
    expect(standing(made, byOld)).toEqual(["root before 1/1, 0 missing", "root 0/1, 1 missing"]);
    expect(isComplete(standingOf(made, joined(byOld, byNext)))).toBe(true);
    expect(signersOf(made)).toEqual(new Set([bareKeyIdOf(old as never), bareKeyIdOf(next)]));
  });

  it("signatures of strangers, and over other bytes, count for nothing", async () => {
    const made = draft(add("new"));
    const other = draft(add("other"));
    const [key] = sim.targetsOf("targets").keys;
    const elsewhere = await signDraft(other, inHand(key as never));
    expect(standing(made, elsewhere)).toEqual(["targets 0/1, 1 missing"]);
    expect((await signDraft(made, inHand(newKey()))).size).toBe(0);
  });
});

it("complete drafts are files that readers take", async () => {
  const made = draft(add("new"), add("a", "targets/releases"));
  const keys = [...sim.targetsOf("targets").keys, ...sim.targetsOf("targets/releases").keys];
  const signatures = joined(...(await Promise.all(keys.map((key) => signDraft(made, inHand(key))))));
  expect(isComplete(standingOf(made, signatures))).toBe(true);
  const before = newClient(sim);
  update(before, sim);
  const files = sealed(made, signatures);
  expect([...files.keys()]).toEqual(["targets", "targets/releases"]);
  for (const [role, bytes] of files) expect(notary.parse(role, bytes).signatures).toHaveLength(1);
});

it("says what it changes, and which roles it leaves without signatures", () => {
  const next = newKey();
  const [old] = sim.targetsOf("targets/releases").keys;
  const made = draft(add("new"), {
    edit: "delegation",
    role: "targets/releases",
    addKeys: [next.listed],
    removeKeys: [old?.listed.id ?? ""],
  });
  expect(changesOf(made).map(({ kind }) => kind)).toEqual([
    "key-added",
    "key-removed",
    "target-added",
    "expires",
  ]);
  expect(brokenBy(made)).toEqual(["targets/releases"]);
  expect(brokenBy(draft(add("new")))).toEqual([]);
});

describe("a draft that others made", () => {
  const messagesOf = (made: Draft) => new Map(made.files.map(({ role, message }) => [role, message]));

  it("is read as it was made", () => {
    const made = draft(add("new"), { edit: "resign", role: "root", dated: false });
    const read = draftFrom(sim.repository, signing, stateOf(sim), messagesOf(made));
    expect(digestOf(read)).toBe(digestOf(made));
    expect(changesOf(read)).toEqual(changesOf(made));
    expect(digestOf(draft(add("other")))).not.toBe(digestOf(made));
  });

  it("is refused if it is not in canonical form, or nobody delegates to one of its roles", () => {
    const [[role, message]] = [...messagesOf(draft(add("new")))] as [[string, Buffer]];
    const odd = Buffer.from(message.toString("utf8").replace("{", "{ "));
    const read = (all: ReadonlyMap<string, Buffer>) => () =>
      draftFrom(sim.repository, signing, stateOf(sim), all);
    expect(read(new Map([[role, odd]]))).toThrowError(expect.objectContaining({ code: "NOT_CANONICAL" }));
    const [[, below]] = [...messagesOf(draft(add("a", "targets/releases")))] as [[string, Buffer]];
    expect(read(new Map([["targets/none", below]]))).toThrowError(
      expect.objectContaining({ code: "UNDECLARED_ROLE" }),
    );
    expect(read(new Map([["root", message]]))).toThrowError(expect.objectContaining({ code: "BAD_TYPE" }));
  });
});
