/** What a proposal needs, who counts, and what is refused before anybody signs. */
import { beforeEach, describe, expect, it } from "vitest";
import { canonicalBytes } from "../../src/core/canonical.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata, SignatureEntry } from "../../src/core/model.ts";
import {
  baseRoles,
  readProposedFile,
  requirementsOf,
  standingOf,
  usefulSignatures,
} from "../../src/core/proposal.ts";
import { examineProposal } from "../../src/core/proposal-examination.ts";
import type { Candidate } from "../../src/core/publication.ts";
import { proposalDigest, rejectionStatement, verifyRejection } from "../../src/core/rejection.ts";
import { bareKey, certificateKey, generatePrivateKey, makeRootCertificate } from "../support/bare/keys.ts";
import { unsigned } from "../support/proposing.ts";
import { Published } from "../support/published.ts";
import { day, type Files, newKey, newRootKey, Owner } from "../support/publisher.ts";
import { codeOf } from "../support/refusal.ts";
import { outcome } from "../support/refusals.ts";

const repository = "example.org/app";
const at = Date.UTC(2030, 0, 1);
const timestamp = newKey("ecdsa");
const snapshot = newKey("ecdsa");
const held = [timestamp.listed.id, snapshot.listed.id];

let owner: Owner;
let server: Published;

beforeEach(async () => {
  owner = await Owner.make(repository, { at, timestamp: timestamp.listed, snapshot: snapshot.listed });
  server = new Published(repository);
});

/** Publishes what the owner has now, signed by everybody. */
function publish(files: Files): void {
  const plan = server.examine(files, held, at);
  server.apply(plan, []);
}

const candidate = (files: Files, also: string[] = []): Candidate =>
  server.candidate(unsigned(files), held, at, also);
const opened = (files: Files, also: string[] = []) => outcome(() => examineProposal(candidate(files, also)));

function needs(role: string, files: Files) {
  const { upload, current } = candidate(files);
  return requirementsOf(role, upload, {
    format: notary,
    repository,
    root: current.root,
    targets: current.targets,
    at,
  });
}
const messageOf = (files: Files, role: string) => notary.parse(role, files.get(role) as Buffer).message;
const proposed = (files: Files, role: string): Metadata => unsigned(files).get(role) as Metadata;
const adding = (files: Files, role: string, entries: SignatureEntry[]) =>
  usefulSignatures(proposed(files, role), needs(role, files), entries);

describe("a proposed file", () => {
  const read = (role: string, text: string) =>
    outcome(() => readProposedFile(notary, role, Buffer.from(text, "utf8")));

  it("is taken in canonical form, with the characters that the wire escapes", () => {
    owner.addTarget("a<b>&c\u2028");
    const canonical = Buffer.from(notary.parse("targets", owner.targetsFile()).message);
    const file = readProposedFile(notary, "targets", canonical);
    expect(Buffer.from(file.message)).toEqual(canonical);
    expect(file.signatures).toEqual([]);
  });

  it.each([
    ["with white space", (text: string) => text.replace(":", ": ")],
    [
      "with members in another order",
      (text: string) => text.replace(/^\{"_type":"Targets",(.*)\}$/, '{$1,"_type":"Targets"}'),
    ],
    ["with an escape that needs none", (text: string) => text.replace("Targets", "T\\u0061rgets")],
  ])("%s is refused", (_, change) => {
    const text = Buffer.from(notary.parse("targets", owner.targetsFile()).message).toString("utf8");
    expect(change(text)).not.toBe(text);
    expect(read("targets", change(text))).toBe("NOT_CANONICAL");
  });

  it.each([
    ['{"_type":"Targets"},"signatures":[],"x":{"y":1}', "DUPLICATE_MEMBER"],
    ['{"_type":"Targets"},"x":{"y":1}', "UNSIGNED_MEMBER"],
    ["", "NOT_JSON"],
  ])("cannot break out of the file around it: %s", (text, code) => {
    expect(read("targets", text)).toBe(code);
  });

  it.each(["snapshot", "timestamp", "targets/", "releases"])("is never one of %s", (role) => {
    expect(read(role, "{}")).toBe("BAD_ROLE_NAME");
  });
});

it("rests on the roles it touches and all above them", () => {
  expect(baseRoles(["targets/a/b"])).toEqual(["root", "targets", "targets/a", "targets/a/b"]);
  expect(baseRoles(["root"])).toEqual(["root"]);
});

describe("what a file needs", () => {
  it("of targets are the keys that the published root gives", () => {
    publish(owner.first());
    const files = owner.next("targets");
    const [need, ...more] = needs("targets", files);
    expect(more).toEqual([]);
    expect(standingOf(proposed(files, "targets"), need as NonNullable<typeof need>)).toEqual({
      by: "current",
      threshold: 1,
      signed: [],
      missing: [owner.targetsKey.listed.id],
      met: false,
    });
  });

  it("of targets are the keys of a root proposed with them", () => {
    publish(owner.first());
    const other = newKey();
    owner.root.keys.targets = [other.listed];
    const files = owner.next("root", "targets");
    expect(needs("targets", files).map(({ by, keys }) => [by, [...keys.keys.keys()]])).toEqual([
      ["proposed", [other.listed.id]],
    ]);
  });

  it("of a first root are its own keys; of a later one the old and the new", async () => {
    const first = owner.first();
    expect(needs("root", first).map(({ by }) => by)).toEqual(["proposed"]);
    publish(first);
    const successor = await newRootKey(repository, at);
    owner.root.keys.root = [successor.listed];
    const next = owner.next("root");
    const entries = [owner.rootKey, successor].map((key) => key.sign(messageOf(next, "root")));
    const whole = { ...proposed(next, "root"), signatures: entries };
    const both = needs("root", next);
    expect(both.map(({ by }) => by)).toEqual(["current", "proposed"]);
    expect(both.map((each) => standingOf(whole, each).met)).toEqual([true, true]);
    const half = { ...whole, signatures: entries.slice(0, 1) };
    expect(both.map((each) => standingOf(half, each).met)).toEqual([true, false]);
  });

  it("of a delegation are the keys of its parent, proposed or published", () => {
    owner.delegate("targets/releases");
    publish(owner.first());
    expect(needs("targets/releases", owner.next("targets/releases"))[0]?.by).toBe("current");
    expect(needs("targets/releases", owner.next("targets", "targets/releases"))[0]?.by).toBe("proposed");
  });
});

describe("signatures", () => {
  it("count by distinct key material: a key under two IDs is one signer", async () => {
    const privateKey = generatePrivateKey("ecdsa");
    const bare = bareKey(privateKey);
    const wrapped = certificateKey(
      privateKey,
      await makeRootCertificate(privateKey, repository, new Date(at)),
    );
    owner.root.keys.targets = [bare.listed, wrapped.listed, owner.targetsKey.listed];
    owner.root.thresholds.targets = 2;
    const files = owner.first();
    const message = messageOf(files, "targets");
    expect(adding(files, "targets", [bare.sign(message), wrapped.sign(message)])).toHaveLength(1);
    expect(adding(files, "targets", [bare.sign(message), owner.targetsKey.sign(message)])).toHaveLength(2);
  });

  it("a second one by the same key adds nothing", () => {
    const files = owner.first();
    const sign = () => owner.targetsKey.sign(messageOf(files, "targets"));
    expect(adding(files, "targets", [sign(), sign()])).toHaveLength(1);
  });

  it("of a key that the role does not list are refused", async () => {
    const files = owner.first();
    const message = messageOf(files, "targets");
    for (const stranger of [newKey(), owner.rootKey]) {
      expect(await codeOf(() => adding(files, "targets", [stranger.sign(message)]))).toBe("UNKNOWN_SIGNER");
    }
  });

  it("over other bytes, or under the name of another key, are refused", async () => {
    const files = owner.first();
    const elsewhere = owner.targetsKey.sign(messageOf(owner.next("targets"), "targets"));
    const borrowed = {
      ...newKey("ecdsa").sign(messageOf(files, "targets")),
      keyId: owner.targetsKey.listed.id,
    };
    for (const entry of [elsewhere, borrowed]) {
      expect(await codeOf(() => adding(files, "targets", [entry]))).toBe("BAD_SIGNATURE");
    }
  });

  it("of a key of the server never count, whatever else lists it", async () => {
    owner.root.keys.targets = [owner.targetsKey.listed, snapshot.listed, timestamp.listed];
    const files = owner.first();
    const message = messageOf(files, "targets");
    for (const online of [snapshot, timestamp]) {
      expect(await codeOf(() => adding(files, "targets", [online.sign(message)]))).toBe("UNKNOWN_SIGNER");
    }
    owner.root.thresholds.targets = 2;
    expect(opened(owner.files("root", "targets"))).toBe("UNREACHABLE_THRESHOLD");
  });

  it("of a root key without a certificate that fits do not count", async () => {
    const foreign = await newRootKey("example.org/other", at);
    owner.root.keys.root = [owner.rootKey.listed, foreign.listed];
    const files = owner.first();
    expect(await codeOf(() => adding(files, "root", [foreign.sign(messageOf(files, "root"))]))).toBe(
      "UNKNOWN_SIGNER",
    );
  });
});

describe("before anybody signs", () => {
  it("a first root with targets is taken, thresholds of two and all", () => {
    owner.root.keys.targets = [owner.targetsKey.listed, newKey().listed];
    owner.root.thresholds.targets = 2;
    expect(opened(owner.first())).toBe("accepted");
  });

  it.each<readonly [string, string, () => Files]>([
    ["ROLLBACK", "a version that is published already", () => owner.files("targets")],
    [
      "ROOT_VERSION",
      "a root that leaves a version out",
      () => {
        owner.root.version += 2;
        return owner.files("root");
      },
    ],
    [
      "EXPIRED",
      "a file that has expired",
      () => {
        owner.targets.expires = at - day;
        return owner.next("targets");
      },
    ],
    [
      "BAD_THRESHOLD",
      "a threshold of targets that its keys can never meet",
      () => {
        owner.root.thresholds.targets = 2;
        return owner.next("root", "targets");
      },
    ],
    [
      "UNREACHABLE_THRESHOLD",
      "a delegation whose threshold its keys can never meet",
      () => {
        owner.delegate("targets/releases", [newKey()], 2);
        return owner.next("targets", "targets/releases");
      },
    ],
    [
      "TARGETS_LOCKED_OUT",
      "a root that gives targets to others, without new targets",
      () => {
        owner.root.keys.targets = [newKey().listed];
        return owner.next("root");
      },
    ],
    [
      "UNDECLARED_ROLE",
      "a role that its parent does not declare",
      () => {
        owner.delegate("targets/other");
        return owner.next("targets/other");
      },
    ],
    [
      "ONLINE_KEY_UNKNOWN",
      "a root with a timestamp key that is not the server's",
      () => {
        owner.root.keys.timestamp = [newKey().listed];
        return owner.next("root");
      },
    ],
    [
      "SNAPSHOT_MISSING",
      "a root that gives the snapshot to its owner",
      () => {
        owner.root.keys.snapshot = [newKey().listed];
        return owner.next("root");
      },
    ],
  ])("%s: %s", (code, _, files) => {
    publish(owner.first());
    expect(opened(files())).toBe(code);
  });

  it("ROOT_CERTIFICATE: a first root whose only key is certified for another repository", async () => {
    owner.root.keys.root = [(await newRootKey("example.org/other", at)).listed];
    expect(opened(owner.first())).toBe("ROOT_CERTIFICATE");
  });

  it("TARGETS_MISSING: a first root alone", () => {
    expect(opened(owner.files("root"))).toBe("TARGETS_MISSING");
  });

  describe("names outside of the paths that a role was given", () => {
    beforeEach(() => {
      owner.delegate("targets/releases");
      (owner.targets.delegations[0] as { paths: string[] }).paths = ["v1/"];
      owner.addTarget("v1/a", "targets/releases");
      owner.addTarget("old", "targets/releases");
      publish(owner.first());
    });
    const also = ["targets/releases"];

    it("are refused where they are new, and may stay where they are published", () => {
      expect(opened(owner.next("targets/releases"), also)).toBe("accepted");
      owner.addTarget("v2/a", "targets/releases");
      expect(opened(owner.next("targets/releases"), also)).toBe("OUTSIDE_PATHS");
    });

    it("are refused as paths of its own children", () => {
      owner.delegate("targets/releases/nightly");
      expect(opened(owner.next("targets/releases"), also)).toBe("OUTSIDE_PATHS");
      (owner.role("targets/releases").delegations[0] as { paths: string[] }).paths = ["v1/nightly/"];
      expect(opened(owner.next("targets/releases"), also)).toBe("accepted");
    });

    it("go by the parent that is proposed with it", () => {
      owner.addTarget("v2/a", "targets/releases");
      (owner.targets.delegations[0] as { paths: string[] }).paths = ["v1/", "v2/"];
      expect(opened(owner.next("targets", "targets/releases"), also)).toBe("accepted");
    });
  });
});

describe("a rejection", () => {
  const about = () => {
    const files = owner.files("targets");
    const digest = proposalDigest([{ role: "targets", signed: messageOf(files, "targets") }]);
    return { repository, proposal: "0011223344556677", digest };
  };
  const verdict = (statement: Uint8Array, entry: SignatureEntry) =>
    verifyRejection(statement, entry, about(), needs("targets", owner.files("targets")));
  beforeEach(() => publish(owner.first()));

  it("by a key of the role gives its reason", () => {
    const statement = rejectionStatement({ ...about(), reason: "wrong digest" });
    expect(verdict(statement, owner.targetsKey.sign(statement))).toBe("wrong digest");
  });

  it("is a statement in canonical form, of a type that no metadata has", () => {
    expect(rejectionStatement({ ...about(), reason: "no" }).toString("utf8")).toBe(
      `{"_type":"Rejection","digest":"${about().digest}","proposal":"0011223344556677","reason":"no","repository":"${repository}"}`,
    );
  });

  it.each(["root", "stranger"])("by the key of a %s is refused", async (who) => {
    const key = who === "root" ? owner.rootKey : newKey();
    const statement = rejectionStatement({ ...about(), reason: "no" });
    expect(await codeOf(() => verdict(statement, key.sign(statement)))).toBe("BAD_REJECTION");
  });

  it.each([
    ["of another repository", { repository: "example.org/other" }],
    ["of another proposal", { proposal: "8899aabbccddeeff" }],
    ["of other bytes", { digest: "0".repeat(64) }],
  ])("%s is refused", async (_, change) => {
    const statement = rejectionStatement({ ...about(), reason: "no", ...change });
    expect(await codeOf(() => verdict(statement, owner.targetsKey.sign(statement)))).toBe("BAD_REJECTION");
  });

  it("with more than it may say, or less, is refused", async () => {
    for (const value of [{ ...about(), reason: "no", also: 1 }, { ...about() }, []]) {
      const statement = canonicalBytes(Array.isArray(value) ? value : { _type: "Rejection", ...value });
      expect(await codeOf(() => verdict(statement, owner.targetsKey.sign(statement)))).toBe("BAD_REJECTION");
    }
  });

  it.each([
    ["a\u001b[31m", "NOT_JSON"],
    ["a\nb", "NOT_JSON"],
    ["a\u0085b", "BAD_REJECTION"],
    ["a\u202eb", "BAD_REJECTION"],
    ["a\u2028b", "BAD_REJECTION"],
  ])("with a reason that a terminal would obey is refused: %j", async (reason, code) => {
    const statement = rejectionStatement({ ...about(), reason });
    expect(await codeOf(() => verdict(statement, owner.targetsKey.sign(statement)))).toBe(code);
  });

  it("covers all files in the order of their names", () => {
    const files = [
      { role: "targets", signed: Buffer.from("b") },
      { role: "root", signed: Buffer.from("a") },
    ];
    expect(proposalDigest(files)).toBe(proposalDigest([...files].reverse()));
    expect(proposalDigest(files)).not.toBe(proposalDigest(files.slice(0, 1)));
  });
});
