/** What the trail says of files that were taken away is what was taken away. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { readRemoval, removedRecord } from "../../src/store/contract/retention.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const actor = { name: "tester", method: "none", address: "" } as const;
const file = fc.record({
  role: fc.constantFrom("timestamp", "snapshot", "targets/a-1,2"),
  version: fc.integer({ min: 1, max: 30 }),
  length: fc.constant(7),
});

it("a record is read as it was written, file by file", { timeout: propertyTimeout }, () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(file, { minLength: 1, selector: ({ role, version }) => `${role} ${version}` }),
      (files) => {
        const { detail } = removedRecord({ repository: "a", incarnation: 1, at: 5, actor }, files);
        const read = readRemoval(detail);
        const named = (read?.roles ?? []).flatMap(({ role, versions }) =>
          versions.flatMap(([from, to]) =>
            Array.from({ length: to - from + 1 }, (_, index) => `${role} ${from + index}`),
          ),
        );
        expect(named.sort()).toEqual(files.map(({ role, version }) => `${role} ${version}`).sort());
        expect(read?.files).toBe(files.length);
      },
    ),
    runs(200),
  );
});

it.each(["", "{", "[]", "{}", '{"files":1}', '{"files":1,"roles":[{"role":"a","versions":"x"}]}'])(
  "%j is no such record",
  (detail) => {
    expect(readRemoval(detail)).toBeUndefined();
  },
);
