import { describe, expect, test } from "vitest";
import { migrationFindings } from "../../tools/migrations.ts";

const findings = (folders: Record<string, string[]>) => migrationFindings(new Map(Object.entries(folders)));

describe("migrations", () => {
  test("numbered without gaps and alike on both sides are good, in any order of listing", () => {
    expect(
      findings({
        sqlite: ["0002_keys.sql", "0001_store.sql"],
        postgres: ["0001_store.sql", "0002_keys.sql"],
      }),
    ).toEqual([]);
  });

  test.each([
    ["a gap", ["0001_a.sql", "0003_b.sql"], "sqlite: 0003_b.sql should have the number 0002"],
    ["a number given twice", ["0001_a.sql", "0001_b.sql"], "sqlite: 0001_b.sql should have the number 0002"],
    ["a beginning at zero", ["0000_a.sql", "0001_b.sql"], "sqlite: 0000_a.sql should have the number 0001"],
    ["a short number", ["1_a.sql"], "sqlite: 1_a.sql is not named NNNN_words.sql"],
    ["another ending", ["0001_a.sql.txt"], "sqlite: 0001_a.sql.txt is not named NNNN_words.sql"],
    ["an empty folder", [], "sqlite: there are no migrations"],
  ])("%s is found", (_what, names, finding) => {
    expect(findings({ sqlite: names })).toEqual([finding]);
  });

  test("a migration that only one side has is found", () => {
    expect(findings({ sqlite: ["0001_a.sql", "0002_b.sql"], postgres: ["0001_a.sql"] })).toEqual([
      "postgres: 0002_b.sql is missing, another folder has it",
    ]);
  });

  test("the same number with another name is found on both sides", () => {
    expect(findings({ sqlite: ["0001_a.sql"], postgres: ["0001_b.sql"] })).toEqual([
      "sqlite: 0001_b.sql is missing, another folder has it",
      "postgres: 0001_a.sql is missing, another folder has it",
    ]);
  });

  test("no folder at all is found", () => {
    expect(findings({})).toEqual(["there are no migrations"]);
  });
});
