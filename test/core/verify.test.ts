import { beforeAll, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { maxVersionStep } from "../../src/core/limits.ts";
import type { Hashes, Metadata, Root, Targets } from "../../src/core/model.ts";
import { factsOf } from "../../src/core/publication.ts";
import {
  checkReference,
  checkVersionStep,
  delegatedKeys,
  isExpired,
  rootRole,
  sameKeys,
  verifyRole,
  verifyRoot,
} from "../../src/core/verify.ts";
import { certificateKey, generatePrivateKey } from "../support/bare/keys.ts";
import { certificate } from "../support/certificates.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator, simulatedNow } from "../support/simulator.ts";

const day = 86_400_000;
const enforced = (at: number) => ({ at, expiry: "enforced" }) as const;
const ignored = (at: number) => ({ at, expiry: "ignored" }) as const;

let sim: Simulator;
beforeAll(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a");
  sim.publish();
});

const read = (role: string) => notary.parse(role, sim.served.get(role) as Buffer);
const scope = ({ repository }: { readonly repository: string }) => ({ format: notary, repository });
const root = () => verifyRoot(read("root"), scope(sim), undefined, enforced(sim.now));

describe("expiry", () => {
  const targets = () => read("targets") as Metadata<Targets>;
  const keys = () => rootRole(root().signed, "targets");

  it("a file is good until the instant before", () => {
    const { expires } = targets().signed;
    expect(outcome(() => verifyRole(targets(), keys(), enforced(expires - 1)))).toBe("accepted");
  });

  it("at the instant it has expired: EXPIRED", () => {
    const { expires } = targets().signed;
    expect(outcome(() => verifyRole(targets(), keys(), enforced(expires)))).toBe("EXPIRED");
  });

  it("is not looked at where a stored file is read", () => {
    expect(outcome(() => verifyRole(targets(), keys(), ignored(targets().signed.expires + day)))).toBe(
      "accepted",
    );
  });

  it("of a root: EXPIRED", () => {
    const { expires } = root().signed;
    expect(outcome(() => verifyRoot(read("root"), scope(sim), undefined, enforced(expires)))).toBe("EXPIRED");
  });

  it("signatures are looked at first: THRESHOLD", () => {
    const strangers = { threshold: 1, keys: new Map([["x", newKey().listed]]) };
    expect(outcome(() => verifyRole(targets(), strangers, enforced(targets().signed.expires)))).toBe(
      "THRESHOLD",
    );
  });

  it.each([
    [-1, false],
    [0, true],
    [1, true],
  ])("%d ms after the instant: %s", (after, expected) => {
    const { signed } = targets();
    expect(isExpired(signed, signed.expires + after)).toBe(expected);
  });
});

describe("a root's certificate", () => {
  /** A first root whose one key is in a certificate made like this. */
  async function rootWith(wish: {
    from?: number;
    to?: number;
    cn?: string[];
    ca?: boolean;
  }): Promise<Metadata> {
    const other = await Simulator.create();
    const key = generatePrivateKey("ecdsa");
    const pem = await certificate({ key, cn: [other.repository], ...wish });
    other.root.keys = [certificateKey(key, pem)];
    other.root.signers = other.root.keys;
    other.publish();
    return notary.parse("root", other.served.get("root") as Buffer);
  }
  const verdict = async (
    wish: Parameters<typeof rootWith>[0],
    expiry: "enforced" | "ignored" = "enforced",
  ) => {
    const file = await rootWith(wish);
    return outcome(() => verifyRoot(file, scope(sim), undefined, { at: simulatedNow, expiry }));
  };

  it("in order: accepted", async () => {
    expect(await verdict({})).toBe("accepted");
  });

  it.each<[string, Parameters<typeof rootWith>[0]]>([
    ["expired", { to: simulatedNow - 1_000 }],
    ["not valid yet", { from: simulatedNow + 2 * day }],
    ["of another repository", { cn: ["example.org/other"] }],
    ["of a CA", { ca: true }],
  ])("%s: ROOT_CERTIFICATE (V35)", async (_, wish) => {
    expect(await verdict(wish)).toBe("ROOT_CERTIFICATE");
  });

  it("expired, where a stored root is read: accepted", async () => {
    expect(await verdict({ to: simulatedNow - 1_000 }, "ignored")).toBe("accepted");
  });

  it("of another repository, where a stored root is read: ROOT_CERTIFICATE", async () => {
    expect(await verdict({ cn: ["example.org/other"] }, "ignored")).toBe("ROOT_CERTIFICATE");
  });

  it("expired, of the previous root: its signature still counts", async () => {
    const other = await Simulator.create();
    const key = generatePrivateKey("ecdsa");
    const pem = await certificate({ key, cn: [other.repository], to: simulatedNow + day });
    other.root.keys = [certificateKey(key, pem)];
    other.root.signers = other.root.keys;
    other.publish();
    const previous = verifyRoot(
      notary.parse("root", other.served.get("root") as Buffer),
      scope(other),
      undefined,
      enforced(simulatedNow),
    );
    other.root.signers = undefined;
    other.root.keys = [await other.rootKey()];
    other.publish();
    const next = notary.parse("root", other.served.get("root") as Buffer);
    const later = enforced(simulatedNow + 2 * day);
    expect(outcome(() => verifyRoot(next, scope(other), previous, later))).toBe("accepted");
  });

  it("a file that is no root is the caller's mistake", () => {
    expect(() => verifyRoot(read("targets"), scope(sim), undefined, ignored(0))).toThrow(TypeError);
  });
});

describe("version steps", () => {
  it.each([
    [0, 1, "accepted"],
    [0, maxVersionStep, "accepted"],
    [5, 6, "accepted"],
    [5, 5 + maxVersionStep, "accepted"],
    [5, 5, "ROLLBACK"],
    [5, 4, "ROLLBACK"],
    [0, maxVersionStep + 1, "VERSION_STEP"],
    [5, 2_147_483_647, "VERSION_STEP"],
    [2_147_483_646, 2_147_483_647, "accepted"],
  ])("from %d to %d: %s", (current, next, expected) => {
    expect(outcome(() => checkVersionStep("targets", current, next))).toBe(expected);
  });
});

describe("references", () => {
  const zeros = (bytes: number) => "00".repeat(bytes);

  it.each<
    [string, (facts: ReturnType<typeof factsOf>) => { hashes: [string, string][]; length?: number }, string]
  >([
    ["sha256", ({ sha256 }) => ({ hashes: [["sha256", sha256]] }), "accepted"],
    [
      "sha256, sha512, length",
      ({ sha256, sha512, length }) => ({
        hashes: [
          ["sha256", sha256],
          ["sha512", sha512 ?? ""],
        ],
        length,
      }),
      "accepted",
    ],
    ["another sha256", () => ({ hashes: [["sha256", zeros(32)]] }), "HASH_MISMATCH"],
    ["sha512 alone", ({ sha512 }) => ({ hashes: [["sha512", sha512 ?? ""]] }), "HASH_MISMATCH"],
    ["nothing", () => ({ hashes: [] }), "HASH_MISMATCH"],
    [
      "another sha512",
      ({ sha256 }) => ({
        hashes: [
          ["sha256", sha256],
          ["sha512", zeros(64)],
        ],
      }),
      "HASH_MISMATCH",
    ],
    ["another length", ({ sha256 }) => ({ hashes: [["sha256", sha256]], length: 1 }), "LENGTH_MISMATCH"],
  ])("by %s", (_, make, expected) => {
    const file = read("targets");
    const facts = factsOf(file);
    const { hashes, length } = make(facts);
    const reference = { hashes: new Map(hashes) as unknown as Hashes, length, version: undefined };
    expect(outcome(() => checkReference(file, reference, () => facts.sha512 ?? ""))).toBe(expected);
  });

  it("sha512 is not computed where it is not listed", () => {
    const file = read("targets");
    const reference = {
      hashes: new Map([["sha256", file.sha256]]) as Hashes,
      length: undefined,
      version: undefined,
    };
    checkReference(file, reference, () => expect.unreachable());
  });
});

describe("who gives keys", () => {
  it("a parent to its child", () => {
    const [key] = sim.targetsOf("targets/a").keys;
    const keys = delegatedKeys(read("targets").signed as Targets, "targets/a");
    expect([...keys.keys.keys()]).toEqual([key?.listed.id]);
  });

  it.each(["targets/b", "targets", "__proto__"])("not to %s: UNDECLARED_ROLE", (role) => {
    expect(outcome(() => delegatedKeys(read("targets").signed as Targets, role))).toBe("UNDECLARED_ROLE");
  });

  it("sameness is of keys and threshold", () => {
    const [a, b] = [newKey().listed, newKey().listed];
    const role = (threshold: number, ...keys: (typeof a)[]) => ({
      threshold,
      keys: new Map(keys.map((key) => [key.id, key])),
    });
    expect([
      sameKeys(role(1, a, b), role(1, b, a)),
      sameKeys(role(1, a), role(1, b)),
      sameKeys(role(1, a), role(1, a, b)),
      sameKeys(role(1, a, b), role(1, a)),
      sameKeys(role(1, a, b), role(2, a, b)),
    ]).toEqual([true, false, false, false, false]);
  });

  it("a root to each of the four", () => {
    const { signed } = read("root") as Metadata<Root>;
    expect([...rootRole(signed, "timestamp").keys.keys()]).toEqual(sim.onlineKeys("timestamp"));
  });
});
