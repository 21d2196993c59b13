/** Modules that hang, crash and lie, and a process for them that never outlives its use. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Custody } from "../../../src/publisher/custody/custody.ts";
import { type Pkcs11Options, pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { Answers, keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import {
  callsOf,
  type FakeModule,
  type FakeToken,
  fakeDriver,
  pair,
  writeModule,
} from "../../support/fake-token.ts";

const message = Buffer.from('{"_type":"Targets","version":1}');
const pin = "2468";

let key: KeyObject;
let id: string;
beforeAll(() => {
  key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  id = listedKey(key).id;
});

let folder: string;
let custody: Custody | undefined;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(async () => {
  await custody?.close();
  await expect.poll(children).toEqual([]);
});

function custodyOf(
  on: FakeModule["on"],
  token: Partial<FakeToken> = {},
  options: Partial<Pkcs11Options> = {},
): Custody {
  const module = write(on, token);
  custody = pkcs11({ selection: { module }, driver: fakeDriver, ...options });
  return custody;
}

const write = (on: FakeModule["on"] = {}, token: Partial<FakeToken> = {}) =>
  writeModule(folder, {
    tokens: [{ slot: 1, label: "one", pin, objects: pair(key, "k", "01"), ...token }],
    messages: [message.toString("base64")],
    on,
  });

const calls = () => callsOf(join(folder, "module.json"));

/** The processes that this one started and that run a module. */
function children(): readonly string[] {
  return readdirSync("/proc").filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${entry}/status`, "utf8"))?.[1];
      const line = readFileSync(`/proc/${entry}/cmdline`, "utf8");
      return parent === String(process.pid) && line.includes("token-process");
    } catch {
      return false;
    }
  });
}

const impatient = { timeout: 1_500, signTimeout: 1_500 };

describe("a module that does not answer", () => {
  it.each(["load", "C_Initialize", "C_GetSlotList", "C_OpenSession"])(
    "in %s cannot be listed",
    async (name) => {
      const hanging = custodyOf({ [name]: "hang" }, {}, impatient);
      expect(await keyCodeOf(hanging.list())).toBe("TOKEN_UNREADABLE");
      await expect.poll(children).toEqual([]);
    },
  );

  it("at the login opens nothing, and says nothing of the PIN", async () => {
    const hanging = custodyOf({ C_Login: "hang" }, {}, impatient);
    expect(await keyCodeOf(hanging.open(id, new Answers(pin)), pin)).toBe("TOKEN_UNREADABLE");
  });

  it("at a signature signs nothing, and the next process does", async () => {
    const opened = await custodyOf({ C_Sign: "hang" }, {}, impatient).open(id, new Answers(pin));
    expect(await keyCodeOf(opened.sign(message))).toBe("TOKEN_UNREADABLE");
    expect(await keyCodeOf(opened.sign(message))).toBe("TOKEN_UNREADABLE");
    write();
    const again = await custody?.open(id, new Answers(pin));
    expect(again && verifies(again.info.listed, message, await again.sign(message))).toBe(true);
    // The key of the process that is gone does not log the new one out.
    opened.close();
    expect(again && verifies(again.info.listed, message, await again.sign(message))).toBe(true);
  });

  it("at the end is ended", async () => {
    const hanging = custodyOf({ C_Finalize: "hang" });
    await hanging.list();
    await hanging.close();
    await expect.poll(children).toEqual([]);
  });

  it("is ended at once when the custody is closed meanwhile", async () => {
    const hanging = custodyOf({ C_GetSlotList: "hang" });
    const listing = keyCodeOf(hanging.list());
    await expect.poll(calls).toContain("C_GetSlotList");
    await hanging.close();
    expect(await listing).toBe("TOKEN_UNREADABLE");
  });
});

describe("a module that crashes", () => {
  it.each<[string, "crash" | "exit"]>([
    ["load", "crash"],
    ["C_Initialize", "exit"],
    ["C_GetSlotList", "crash"],
    ["C_FindObjectsInit", "exit"],
  ])("in %s (%s) cannot be listed", async (name, how) => {
    expect(await keyCodeOf(custodyOf({ [name]: how }).list())).toBe("TOKEN_UNREADABLE");
  });

  it("at a signature signs nothing", async () => {
    const opened = await custodyOf({ C_Sign: "crash" }).open(id, new Answers(pin));
    expect(await keyCodeOf(opened.sign(message))).toBe("TOKEN_UNREADABLE");
    opened.close();
  });
});

describe("a module that refuses", () => {
  const general = { name: "CKR_GENERAL_ERROR", code: 5 };

  it.each(["load", "C_Initialize", "C_GetSlotList", "C_OpenSession", "C_FindObjectsInit"])(
    "%s cannot be listed",
    async (name) => {
      expect(await keyCodeOf(custodyOf({ [name]: general }).list())).toBe("TOKEN_UNREADABLE");
    },
  );

  it("to sign is told as refusing, and asked again signs", async () => {
    const opened = await custodyOf({ C_SignInit: general }).open(id, new Answers(pin));
    expect(await keyCodeOf(opened.sign(message))).toBe("TOKEN_REFUSED");
  });

  it("because the token was taken out is told so", async () => {
    const opened = await custodyOf({ C_Sign: { name: "CKR_DEVICE_REMOVED", code: 0x32 } }).open(
      id,
      new Answers(pin),
    );
    expect(await keyCodeOf(opened.sign(message))).toBe("TOKEN_UNREADABLE");
  });

  it("a token that is taken out between listing and opening is lost, and found when it is back", async () => {
    const plugged = custodyOf({});
    await plugged.list();
    write({}, { gone: true });
    expect(await keyCodeOf(plugged.open(id, new Answers(pin)), pin)).toBe("TOKEN_UNREADABLE");
    write();
    const opened = await plugged.open(id, new Answers(pin));
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
  });

  it("with words of its own, it is not quoted", async () => {
    const loud = { name: "CKR_\u001b[2J the PIN was 2468", code: 0x99 };
    expect(await keyCodeOf(custodyOf({ C_Login: loud }).open(id, new Answers(pin)), pin, "\u001b")).toBe(
      "TOKEN_REFUSED",
    );
  });

  it("to stop giving objects cannot be listed", async () => {
    expect(await keyCodeOf(custodyOf({}, { endless: true }).list())).toBe("TOKEN_UNREADABLE");
  });
});

it("a module that is not there cannot be listed", async () => {
  custody = pkcs11({ selection: { module: join(folder, "gone.so") }, driver: fakeDriver });
  expect(await keyCodeOf(custody.list())).toBe("TOKEN_UNREADABLE");
});

describe("the process of a module", () => {
  it("closes every session, finalises and ends with the custody", async () => {
    const used = custodyOf({});
    const opened = await used.open(id, new Answers(pin));
    await opened.sign(message);
    await used.close();
    await used.close();
    const made = calls();
    const times = (name: string) => made.filter((each) => each === name).length;
    expect(times("C_CloseSession")).toBe(times("C_OpenSession"));
    expect(made.slice(-2)).toEqual(["C_Finalize", "close"]);
    expect(await keyCodeOf(opened.sign(message))).toBe("TOKEN_UNREADABLE");
    expect(await keyCodeOf(used.list())).toBe("TOKEN_UNREADABLE");
  });

  it("is not started by a custody that nobody asks", async () => {
    await custodyOf({}).close();
    expect(calls()).toEqual([]);
  });

  it("sees no passphrase of the environment", async () => {
    const environment = {
      ...process.env,
      NOTARY_ROOT_PASSPHRASE: "a secret",
      DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: "another",
      SOFTHSM2_CONF: "/conf",
    };
    await custodyOf({}, {}, { environment }).list();
    const [child] = children();
    const seen = readFileSync(`/proc/${child}/environ`, "utf8");
    expect(seen).toContain("SOFTHSM2_CONF=/conf");
    expect(seen).not.toContain("PASSPHRASE");
  });
});
