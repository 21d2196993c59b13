/** What edits begin with where readers refuse a role's file, by the code of each refusal. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Metadata, Targets } from "../../src/core/model.ts";
import { applyEdits } from "../../src/publisher/apply.ts";
import { brokenBy, changesOf, draftOf } from "../../src/publisher/draft.ts";
import type { Edit, OfflineState } from "../../src/publisher/edits.ts";
import { EditError } from "../../src/publisher/errors.ts";
import { signing, stateOf } from "../support/drafting.ts";
import { Simulator, someTarget } from "../support/simulator.ts";

const role = "targets/releases";
let state: OfflineState;
let file: Metadata<Targets>;

beforeEach(async () => {
  const sim = await Simulator.create();
  sim.delegate(role, { paths: [""] });
  sim.delegate(`${role}/nightly`, { paths: [""] });
  sim.publish();
  const { root, targets } = stateOf(sim);
  file = targets.get(role) as Metadata<Targets>;
  // The signature is taken away: the file is what the snapshot names, and nobody vouches for it.
  const lapsed = new Map([[role, { ...file, signatures: [] }]]);
  const above = new Map([...targets].filter(([each]) => each === "targets"));
  const meta = new Map([...targets.keys()].map((each) => [each, { length: 1, hashes: new Map() }]));
  const snapshot = { signed: { meta } } as unknown as NonNullable<OfflineState["snapshot"]>;
  state = { root, targets: above, snapshot, unusable: new Map([[role, "THRESHOLD"]]), lapsed };
});

const witness: Edit = { edit: "resign", role, dated: false };
const add = (to = role): Edit => ({
  edit: "add",
  role: to,
  name: "new",
  target: someTarget("new"),
  stood: null,
});

function refused(of: OfflineState, ...edits: readonly Edit[]): string {
  try {
    applyEdits(of, edits, signing);
  } catch (error) {
    if (error instanceof EditError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("It was not refused.");
}

describe("a lapsed role", () => {
  it("goes on above its version with all that it holds once it is signed again, in whichever order", () => {
    for (const edits of [
      [witness, add()],
      [add(), witness],
    ]) {
      const next = applyEdits(state, edits, signing).targets.get(role);
      expect(next?.version).toBe(file.signed.version + 1);
      expect([...(next?.targets.keys() ?? [])].sort()).toEqual([...file.signed.targetNames(), "new"].sort());
      expect(next?.delegations.map((each) => each.role)).toEqual([`${role}/nightly`]);
    }
  });

  it("tells its signers all that it holds, and is named while nobody signs it again", () => {
    const draftOn = (...edits: readonly Edit[]) =>
      draftOf("example.test/app", signing, state, applyEdits(state, edits, signing));
    const kinds = changesOf(draftOn(witness)).map(({ kind, after }) => `${kind} ${after}`);
    expect(kinds).toContain(`file-added ${file.signed.version + 1}`);
    expect(kinds.filter((each) => each.startsWith("target-added"))).toHaveLength(
      [...file.signed.targetNames()].length,
    );
    expect(brokenBy(draftOn(witness))).toEqual([]);
    expect(brokenBy(draftOn(add("targets")))).toEqual([role]);
  });

  it.each([
    ["an edit by the way", () => refused(state, add()), "sign all of it again first"],
    ["an edit below it", () => refused(state, witness, add(`${role}/nightly`)), "published first"],
    [
      "a file that the server does not give",
      () =>
        refused(
          { ...state, lapsed: new Map(), unusable: new Map([[role, "FILE_WITHHELD"]]) },
          witness,
          add(),
        ),
      "FILE_WITHHELD",
    ],
    [
      "one that is delegated anew by the same edits",
      () => refused({ ...state, lapsed: new Map(), unusable: new Map() }, witness, add()),
      "publish the delegation first",
    ],
  ])("refuses %s with ROLE_LAPSED, and says what to do", (_, attempt, words) => {
    expect(attempt()).toMatch(/^ROLE_LAPSED: /);
    expect(attempt()).toContain(words);
  });
});
