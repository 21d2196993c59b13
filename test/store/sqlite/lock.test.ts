import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Store } from "../../../src/store/contract/store.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { type Child, startChild } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { publication } from "../../support/publications.ts";
import { codeOf, refusalOf } from "../../support/refusal.ts";

describe("the lock of a data directory", () => {
  const stores: Store[] = [];
  const children: Child[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const child of children.splice(0)) await child.kill();
  });

  async function open(
    directory: string,
    options: { readOnly?: boolean; lock?: boolean } = {},
  ): Promise<Store> {
    const store = await openSqlite({ directory, ...options });
    stores.push(store);
    return store;
  }

  function hold(directory: string): Child {
    const child = startChild("holder.ts", [directory]);
    children.push(child);
    return child;
  }

  it("refuses a second server in the same process, again and again", async () => {
    const directory = temporaryDirectory();
    await open(directory);
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_LOCKED");
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_LOCKED");
  });

  it("refuses a second server in another process, also after a refusal in this one", async () => {
    const directory = temporaryDirectory();
    await open(directory);
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_LOCKED");
    const child = hold(directory);
    await child.ended;
    expect(child.output()).toBe("STORE_LOCKED\n");
  });

  it("names the process that holds it, and no path", async () => {
    const directory = temporaryDirectory();
    await open(directory);
    const { message, detail } = await refusalOf(openSqlite({ directory }));
    expect(message).toContain(`process ${process.pid}`);
    expect(message).not.toContain(directory);
    expect(detail).toEqual({ pid: process.pid });
  });

  it("does without the name if the file beside it says nothing sensible", async () => {
    const directory = temporaryDirectory();
    await open(directory);
    writeFileSync(join(directory, "server.pid"), "\u001b[31m not a number");
    const refusal = await refusalOf(openSqlite({ directory }));
    expect(refusal.code).toBe("STORE_LOCKED");
    expect(refusal.detail).toBeUndefined();
  });

  it("is free after kill -9 of its holder", async () => {
    const directory = temporaryDirectory();
    const child = hold(directory);
    await child.line("open");
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_LOCKED");
    await child.kill();
    await expect(open(directory)).resolves.toBeDefined();
  });

  it("is free after closing, which takes the process's number away", async () => {
    const directory = temporaryDirectory();
    await (await openSqlite({ directory })).close();
    expect(existsSync(join(directory, "server.pid"))).toBe(false);
    await expect(open(directory)).resolves.toBeDefined();
  });

  it("is free after an opening that failed", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, "vidimus.sqlite");
    writeFileSync(path, "not a database ".repeat(1_000));
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_CORRUPT");
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_CORRUPT");
  });

  it("does not keep out a reader, which sees what is committed", async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    const reader = await open(directory, { readOnly: true });
    await store.commit(publication("a"));
    expect((await reader.current("a", "root"))?.version).toBe(1);
  });
});
