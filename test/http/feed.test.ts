/** The changefeed (notary-protocol.md 1.5), paged in both directions. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

interface Row {
  readonly ID: string;
  readonly CreatedAt: string;
  readonly GUN: string;
  readonly Version: number;
  readonly SHA256: string;
  readonly Category: string;
}

describe.each(backEnds)("the changefeed on %s", (backEnd) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ backEnd });
    for (const name of ["a", "b"]) {
      const owner = await server.owner(name);
      await server.publish(name, owner.first());
      for (let i = 0; i < 3; i++) await server.publish(name, owner.next("targets"));
    }
    await server.request("/v2/b/_trust/tuf/", { method: "DELETE" });
  });
  afterAll(async () => await server.close());

  const read = async (query: string, repository?: string): Promise<Row[]> => {
    const path = repository === undefined ? "/v2/_trust/changefeed" : `/v2/${repository}/_trust/changefeed`;
    const { body } = await server.get(`${path}?${query}`);
    const { count, records } = JSON.parse(body.toString("utf8"));
    if (count !== records.length) throw new Error("count is not the number of records");
    return records;
  };
  const ids = async (query: string, repository?: string) =>
    (await read(query, repository)).map(({ ID }) => ID);

  test("a row names the timestamp it announces", async () => {
    const [row] = await read("records=-1", "a");
    expect(row).toMatchObject({ ID: "4", GUN: "a", Version: 4, Category: "update" });
    expect((await server.file("a", `timestamp.${row?.SHA256}.json`)).status).toBe(200);
  });

  test("a row has the members of the original, in its order", async () => {
    const [row] = await read("records=1");
    expect(Object.keys(row ?? {})).toEqual(["ID", "CreatedAt", "GUN", "Version", "SHA256", "Category"]);
  });

  test("a deletion has version 0 and no digest", async () => {
    const [row] = await read("records=-1", "b");
    expect(row).toMatchObject({ Version: 0, SHA256: "", Category: "deletion" });
  });

  test("forwards from the beginning, page by page", async () => {
    const pages = [
      await ids("records=4"),
      await ids("records=4&change_id=4"),
      await ids("records=4&change_id=8"),
    ];
    expect(pages).toEqual([["1", "2", "3", "4"], ["5", "6", "7", "8"], ["9"]]);
  });

  test("backwards, each page oldest first", async () => {
    const pages = [
      await ids("records=-4"),
      await ids("records=-4&change_id=6"),
      await ids("records=-4&change_id=2"),
    ];
    expect(pages).toEqual([["6", "7", "8", "9"], ["2", "3", "4", "5"], ["1"]]);
  });

  test("change_id=-1 starts from the newest, backwards", async () => {
    expect(await ids("records=2&change_id=-1")).toEqual(["8", "9"]);
  });

  test("one repository's rows only, with gaps in the numbers", async () => {
    expect(await ids("records=2&change_id=6", "b")).toEqual(["7", "8"]);
    expect(await ids("records=-2&change_id=6", "b")).toEqual(["5"]);
  });

  test("past the end is an empty page", async () => {
    expect(await ids("records=5&change_id=9")).toEqual([]);
  });

  test.each(["", "records=", "records=0", "records=2147483647", "records=-2147483648", "records=1000000000"])(
    "M13: a bounded page for ?%s",
    async (query) => {
      expect((await read(query)).length).toBe(9);
    },
  );

  test.each([
    "records=1e3",
    "records=1.5",
    "records=2147483648",
    "records=-2147483649",
    "records=x",
    "records=1&records=2",
    "records=1&change_id=x",
    "records=1&change_id=1.5",
    "records=1&change_id=9223372036854775808",
    "records=1&change_id=1&change_id=2",
    "records=0x10",
    "records=%00",
  ])("M13: 400 INVALID_PARAMETERS for ?%s", async (query) => {
    const { status, error, code } = await server.get(`/v2/_trust/changefeed?${query}`);
    expect([status, error?.code, code]).toEqual([400, "INVALID_PARAMETERS", "BAD_PARAMETER"]);
  });
});
