/** Losers who are told early: never somebody whom examination would take, and in its words. */
import { describe, expect, it } from "vitest";
import type { VidimusError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { type CurrentFiles, examine, refuseOvertaken } from "../../src/core/publication.ts";

const roles = ["root", "targets", "targets/a"] as const;
/** 0: not uploaded, or not there. */
const versions = [0, 1, 2, 1_500] as const;

type Versions = ReadonlyMap<string, number>;

function* combinations(): Generator<Versions> {
  for (const root of versions) {
    for (const targets of versions) {
      for (const delegated of versions) {
        const all = [root, targets, delegated].map((version, i) => [roles[i] as string, version] as const);
        yield new Map(all.filter(([, version]) => version > 0));
      }
    }
  }
}

const file = (role: string, version: number) => ({ role, signed: { kind: "targets", version } }) as Metadata;
const uploadOf = (wanted: Versions) =>
  new Map([...wanted].map(([role, version]) => [role, file(role, version)] as const));

function early(wanted: Versions, known: Versions): VidimusError | undefined {
  return thrown(() => refuseOvertaken(uploadOf(wanted), (role) => known.get(role)));
}

/** Examination of files without content: who has not lost is refused for that, and with another code. */
function late(wanted: Versions, current: Versions): VidimusError | undefined {
  const root = current.get("root");
  const files = {
    root: root === undefined ? undefined : file("root", root),
    snapshot: undefined,
    targets: new Map(),
    versions: current,
    facts: new Map(),
  } as unknown as CurrentFiles;
  return thrown(() =>
    examine({
      format: notary,
      repository: "example.org/a",
      upload: uploadOf(wanted),
      current: files,
      onlineKeys: new Set(),
      at: 0,
    }),
  );
}

function thrown(action: () => unknown): VidimusError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as VidimusError;
  }
}

describe("who is told early that an upload is overtaken", () => {
  it("hears what examination says of the same versions", () => {
    let told = 0;
    for (const wanted of combinations()) {
      for (const current of combinations()) {
        const first = early(wanted, current);
        if (first === undefined) continue;
        const second = late(wanted, current);
        expect([first.code, first.message, first.role]).toEqual([
          second?.code,
          second?.message,
          second?.role,
        ]);
        told++;
      }
    }
    expect(told).toBeGreaterThan(1_000);
  });

  it("has lost whatever else was published since", () => {
    for (const wanted of combinations()) {
      for (const known of combinations()) {
        if (early(wanted, known) === undefined) continue;
        for (const current of combinations()) {
          if ([...known].some(([role, version]) => version > (current.get(role) ?? 0))) continue;
          expect(["ROLLBACK", "VERSION_STEP", "ROOT_VERSION"]).toContain(late(wanted, current)?.code);
        }
      }
    }
  });

  it.each([
    ["nothing is known", [["targets", 1]], []],
    ["it is the next version", [["targets", 2]], [["targets", 1]]],
    ["it steps too far for what is known", [["targets", 1_500]], [["targets", 1]]],
    ["only another role is known", [["targets/a", 1]], [["targets", 1]]],
    [
      "the first file may be refused for another reason",
      [
        ["targets", 1_500],
        ["targets/a", 1],
      ],
      [
        ["targets", 1],
        ["targets/a", 1],
      ],
    ],
    [
      "nothing is known of the first file",
      [
        ["targets", 1],
        ["targets/a", 1],
      ],
      [["targets/a", 1]],
    ],
  ] as const)("is nobody, where %s", (_, wanted, known) => {
    expect(early(new Map(wanted), new Map(known))).toBeUndefined();
  });

  it.each([
    ["the same version", [["targets", 2]]],
    ["an older version", [["targets", 1]]],
    ["a root of the same version", [["root", 2]]],
    [
      "an older root with older targets",
      [
        ["root", 1],
        ["targets", 1],
      ],
    ],
  ] as const)("is who sends %s: ROLLBACK", (_, wanted) => {
    expect(
      early(
        new Map(wanted),
        new Map([
          ["root", 2],
          ["targets", 2],
        ]),
      )?.code,
    ).toBe("ROLLBACK");
  });
});
