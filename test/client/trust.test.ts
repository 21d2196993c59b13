import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { explain } from "../../src/client/errors.ts";
import { lockList } from "../../src/client/list.ts";
import { openTrust, type Trust } from "../../src/client/trust.ts";
import { sha256Hex } from "../../src/core/bytes.ts";
import { trustCodeOf, trustErrorOf } from "../support/fetching.ts";
import { newKey, type Simulator, simulatedNow, someTarget } from "../support/simulator.ts";
import type { TrustSite } from "../support/trust-site.ts";
import { emptyFolder, listener, policyFor, simulated, siteOf, trusting } from "../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
const sha = (text: string) => createHash("sha256").update(text).digest("hex");

let sim: Simulator;
let site: TrustSite;
let trust: Trust;

beforeAll(async () => {
  sim = await simulated(name, "6.6", "latest");
  sim.delegate("targets/releases").names.set("6.7", someTarget("6.7"));
  sim.delegate("targets/nightly").names.set("edge", someTarget("edge"));
  sim.publish();
  site = await siteOf(sim);
  trust = await trusting(site);
});

describe("a trust", () => {
  it("names the servers that its policy leads to", async () => {
    const opened = async (policy: object, options: object = {}) =>
      (await openTrust({ policy, cacheDir: emptyFolder(), ...options })).servers;
    const rules = (...servers: (string | undefined)[]) => ({
      repositories: servers.map((server, index) => ({ match: `a.example.test/${index}`, server })),
    });
    const [a, b] = ["https://a.example.test", "https://b.example.test"] as const;
    expect(await opened(rules(a, `${a}/`, b))).toEqual([a, b]);
    expect(await opened(rules(a, undefined), { server: b })).toEqual([a, b]);
    expect(await opened({ ...rules(undefined), server: a }, { server: b })).toEqual([a]);
    expect(await opened(rules(a), { server: b })).toEqual([a]);
  });

  it("that is closed is asked no more: a TypeError", async () => {
    const closed = await trusting(site);
    await closed.close();
    await expect(closed.resolve(`${name}:6.6`)).rejects.toBeInstanceOf(TypeError);
    await expect(closed.root(name)).rejects.toBeInstanceOf(TypeError);
    const [outcome] = await closed.resolveAll([`${name}:6.6`]);
    expect(outcome?.error).toBeInstanceOf(TypeError);
  });
});

describe("a call that makes no sense", () => {
  // As callers without types make it.
  const odd = (value: unknown) => value as never;
  const question = { repository: name, target: "6.6" };

  it.each<[string, () => Promise<unknown>, string]>([
    ["resolve", () => trust.resolve(odd(undefined)), "resolve: reference must be a text, and is undefined."],
    ["resolve", () => trust.resolve(odd(["a"])), "resolve: reference must be a text, and is a list."],
    [
      "resolveAll",
      () => trust.resolveAll(odd("a")),
      "resolveAll: references must be a list of texts, and is a text.",
    ],
    [
      "lookUp",
      () => trust.lookUp(odd(undefined)),
      "lookUp: question must be an object with the texts repository and target, and is undefined.",
    ],
    [
      "lookUp",
      () => trust.lookUp(odd({ target: "6.6" })),
      "lookUp: question.repository must be a text, and is undefined.",
    ],
    [
      "lookUp",
      () => trust.lookUp(odd({ repository: name, target: null })),
      "lookUp: question.target must be a text, and is null.",
    ],
    [
      "verifyFile",
      () => trust.verifyFile(odd(question), question),
      "verifyFile: path must be a text, and is object.",
    ],
    [
      "verifyFile",
      () => trust.verifyFile("a", odd("b")),
      "verifyFile: question must be an object with the texts repository and target, and is a text.",
    ],
    ["root", () => trust.root(odd(1)), "repository must be a text, and is number."],
    ["check", () => trust.check(odd(undefined)), "repository must be a text, and is undefined."],
    ["forget", () => trust.forget(odd(undefined)), "repository must be a text, and is undefined."],
    [
      "coverage",
      async () => trust.coverage(odd(undefined)),
      "coverage: reference must be a text, and is undefined.",
    ],
    [
      "lockList",
      () => lockList("a\n", odd({})),
      "options.trust must be what openTrust gives, and is undefined.",
    ],
  ])("of %s is a TypeError that names the argument", async (_, call, message) => {
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toBe(message);
  });

  it.each([undefined, null, "trust.yaml", []])("of openTrust is OPTION_INVALID: %j", async (options) => {
    const error = await trustErrorOf(openTrust(odd(options)));
    expect(error).toMatchObject({
      code: "OPTION_INVALID",
      message: 'The options must be an object, such as { policy: "trust.yaml" }.',
    });
  });
});

describe("resolve", () => {
  it("says everything that is known of an image", async () => {
    const day = 86_400_000;
    const iso = (days: number) => new Date(simulatedNow + days * day).toISOString();
    const id = (role: "targets" | "timestamp" | "snapshot") =>
      (role === "targets" ? sim.targetsOf(role) : sim[role]).keys[0]?.listed.id as string;
    expect(await trust.resolve(`${name}:6.6`)).toEqual({
      repository: name,
      target: "6.6",
      server: site.url,
      length: 3,
      hashes: { sha256: sha("6.6"), sha512: createHash("sha512").update("6.6").digest("hex") },
      role: "targets",
      signers: [{ keyId: id("targets"), canonicalKeyId: id("targets") }],
      threshold: { needed: 1, signed: 1 },
      expires: {
        root: iso(3_600),
        timestamp: iso(14),
        snapshot: iso(1_095),
        targets: iso(1_095),
        earliest: iso(14),
      },
      versions: { root: 1, timestamp: 3, snapshot: 3, targets: 3 },
      rootSha256: sha256Hex(sim.served.get("root") ?? Buffer.of()),
      onlineKeyIds: { timestamp: [id("timestamp")], snapshot: [id("snapshot")] },
      offline: false,
      checkedAt: new Date(simulatedNow).toISOString(),
      reference: `${name}:6.6@sha256:${sha("6.6")}`,
      digest: `sha256:${sha("6.6")}`,
    });
  });

  it("says expiry and version of every role above the one that signs", async () => {
    const { role, versions, expires } = await trust.resolve(`${name}:6.7`);
    expect(role).toBe("targets/releases");
    expect(Object.keys(versions)).toEqual(["root", "timestamp", "snapshot", "targets", "targets/releases"]);
    expect(Object.keys(expires).sort()).toEqual([...Object.keys(versions), "earliest"].sort());
  });

  it("says the signing date where there is one", async () => {
    const dated = await simulated("registry.example.test/acme/dated");
    const custom = { vidimus: { signedAt: "2026-11-01T10:00:00Z" } };
    dated.targetsOf("targets").names.set("1", { ...someTarget("1"), custom });
    dated.publish();
    site.add(dated);
    expect((await trust.resolve(`${dated.repository}:1`)).signedAt).toBe("2026-11-01T10:00:00.000Z");
  });

  it("takes a reference without tag and digest as latest", async () => {
    expect((await trust.resolve(name)).reference).toBe(`${name}:latest@sha256:${sha("latest")}`);
  });

  it("keeps the name as it is written", async () => {
    site.add(await simulated("docker.io/library/nginx", "1"));
    const { reference, repository } = await trust.resolve("nginx:1");
    expect([reference, repository]).toEqual([`nginx:1@sha256:${sha("1")}`, "docker.io/library/nginx"]);
  });

  it("holds a digest against the one that is signed for the tag", async () => {
    const good = `${name}:6.6@sha256:${sha("6.6")}`;
    expect((await trust.resolve(good)).reference).toBe(good);
    const other = trust.resolve(`${name}:6.6@sha256:${sha("6.7")}`);
    expect(await trustErrorOf(other)).toMatchObject({
      code: "DIGEST_MISMATCH",
      reference: `${name}:6.6@sha256:${sha("6.7")}`,
      repository: name,
      role: "targets",
    });
  });

  it("takes a digest without a tag if anything that counts has it", async () => {
    const reference = `${name}@sha256:${sha("6.7")}`;
    const image = await trust.resolve(reference);
    expect([image.reference, image.target, image.role]).toEqual([reference, "6.7", "targets/releases"]);
  });

  it("refuses a digest that nobody signed, and one that only a role signed that does not count", async () => {
    expect(await trustCodeOf(trust.resolve(`${name}@sha256:${sha("nothing")}`))).toBe("NOT_SIGNED");
    expect(await trustCodeOf(trust.resolve(`${name}@sha256:${sha("edge")}`))).toBe("NOT_SIGNED");
  });

  it("tells a name that nobody signs from one that is signed by others", async () => {
    expect(await trustCodeOf(trust.resolve(`${name}:none`))).toBe("NOT_SIGNED");
    expect(await trustErrorOf(trust.resolve(`${name}:edge`))).toMatchObject({
      code: "NOT_SIGNED_IN_ROLE",
      detail: { roles: ["targets/nightly"] },
    });
  });

  it("refuses an entry without a sha256", async () => {
    const odd = await simulated("registry.example.test/acme/odd", "1");
    odd.break.rewrite("targets", (signed) => {
      const targets = signed.targets as Record<string, { hashes: Record<string, string> }>;
      delete targets["1"]?.hashes.sha256;
    });
    odd.break.vouch();
    site.add(odd);
    expect(await trustCodeOf(trust.resolve(`${odd.repository}:1`))).toBe("NO_SHA256");
  });

  it("refuses what is no reference, and a repository that is not there", async () => {
    expect(await trustErrorOf(trust.resolve("Not A Name"))).toMatchObject({
      code: "REFERENCE_INVALID",
      reference: "Not A Name",
    });
    expect(await trustCodeOf(trust.resolve("registry.example.test/nobody/here:1"))).toBe("NO_TRUST_DATA");
  });
});

describe("a repository that is not served", () => {
  const withheld: TrustSite["answer"] = (_file, response) => !!response.writeHead(404).end("{}");

  it("and is remembered is the server's business, and not the publisher's", async () => {
    const own = await siteOf(await simulated(name, "1"));
    const remembering = await trusting(own);
    await remembering.resolve(`${name}:1`);
    own.answer = withheld;
    const error = await trustErrorOf(remembering.resolve(`${name}:1`));
    expect(error).toMatchObject({ code: "NO_TRUST_DATA", repository: name });
    expect(error.message).toBe(
      `${own.url} does not serve ${name} any more: it was signed and served there, as the cache knows.`,
    );
    expect(explain(error)).toMatchObject({
      who: "server operator",
      ending: "unsigned",
      next: expect.stringContaining("was deleted, or is kept back"),
    });
  });

  it("and is unknown may never have been signed", async () => {
    const own = await siteOf();
    const error = await trustErrorOf((await trusting(own)).resolve(`${name}:1`));
    expect(error.message).toBe(`${name} has no trust data at ${own.url}.`);
    expect(explain(error)).toMatchObject({ code: "NO_TRUST_DATA", who: "publisher" });
  });
});

describe("resolveAll", () => {
  it("answers in the order given, each with its own outcome", async () => {
    const given = [`${name}:none`, `${name}:6.6`, "UPPER", `${name}:6.7`, `${name}:6.6`];
    const outcomes = await trust.resolveAll(given);
    expect(outcomes.map(({ reference }) => reference)).toEqual(given);
    expect(outcomes.map(({ image, error }) => image?.target ?? (error as { code: string }).code)).toEqual([
      "NOT_SIGNED",
      "6.6",
      "REFERENCE_INVALID",
      "6.7",
      "6.6",
    ]);
  });

  it("asks once for what is named twice, and tells how far it is", async () => {
    const { events, onEvent } = listener();
    const other = await trusting(site, { onEvent, limits: { parallel: 1 } });
    const [first, second] = await other.resolveAll([`${name}:6.6`, `${name}:6.6`, `${name}:none`]);
    expect(first).toBe(second);
    const told = events.filter(({ type }) => type === "resolved" || type === "refused");
    expect(told).toEqual([
      { type: "resolved", reference: `${name}:6.6`, done: 1, total: 2 },
      { type: "refused", reference: `${name}:none`, done: 2, total: 2 },
    ]);
  });

  it("of nothing is nothing", async () => {
    expect(await trust.resolveAll([])).toEqual([]);
  });
});

describe("the other questions", () => {
  it("lookUp says what is signed under any name", async () => {
    const { target, role, length } = await trust.lookUp({ repository: name, target: "6.7" });
    expect([target, role, length]).toEqual(["6.7", "targets/releases", 3]);
    expect(await trustErrorOf(trust.lookUp({ repository: name, target: "no/such" }))).toMatchObject({
      code: "NOT_SIGNED",
      reference: "no/such",
      repository: name,
    });
  });

  it("a repository's name that no server takes is refused as such", async () => {
    const error = await trustErrorOf(trust.lookUp({ repository: "Not a name", target: "x" }));
    expect(error.code).toBe("BAD_REPOSITORY_NAME");
  });

  it("check is quiet about a good repository and refuses a broken one", async () => {
    const other = await simulated("registry.example.test/acme/broken", "1");
    site.add(other);
    await trust.check(other.repository);
    other.now = simulatedNow;
    other.break.expire("timestamp");
    other.break.rewrite("timestamp", (signed) => {
      signed.version = other.timestamp.version + 1;
    });
    expect(await trustCodeOf(trust.check(other.repository))).toBe("EXPIRED");
  });

  it("forget lets a repository begin anew", async () => {
    const old = await simulated("registry.example.test/acme/anew", "1");
    site.add(old);
    await trust.check(old.repository);
    const anew = await simulated(old.repository, "2");
    site.add(anew);
    expect(await trustCodeOf(trust.resolve(`${old.repository}:2`))).toBe("REPOSITORY_REPLACED");
    await trust.forget(old.repository);
    expect((await trust.resolve(`${old.repository}:2`)).target).toBe("2");
  });

  it("coverage says what the policy says", async () => {
    const partly = await trusting(site, {
      policy: { default: "unverified", repositories: [{ match: "registry.example.test/**", tofu: true }] },
    });
    expect([partly.coverage(`${name}:1`), partly.coverage("nginx")]).toEqual(["rule", "unverified"]);
    expect((await trusting(site, { policy: {} })).coverage("nginx")).toBe("refuse");
  });

  it("close ends it, also by await using", async () => {
    await using one = await openTrust({
      server: site.url,
      policy: policyFor(),
      cacheDir: emptyFolder(),
      environment: {},
      now: () => simulatedNow,
    });
    await one.resolve(`${name}:6.6`);
    await one.close();
    await expect(one.resolve(`${name}:6.6`)).rejects.toBeInstanceOf(TypeError);
  });
});

describe("events", () => {
  it("tell first use, new roots and every request", async () => {
    const { events, onEvent } = listener();
    const moving = await simulated("registry.example.test/acme/moving", "1");
    site.add(moving);
    const own = await trusting(site, { onEvent });
    await own.check(moving.repository);
    moving.timestamp.keys = [newKey()];
    moving.publish();
    await own.check(moving.repository);
    const id = moving.root.keys[0]?.listed.id;
    const roots = events.filter(({ type }) => type === "first-use" || type === "root");
    expect(roots).toEqual([
      { type: "first-use", repository: moving.repository, keyIds: [expect.stringMatching(/^[0-9a-f]{64}$/)] },
      { type: "root", repository: moving.repository, version: 2, keyIds: [id] },
    ]);
    const requests = events.flatMap((event) => (event.type === "request" ? [event] : []));
    expect(requests.find(({ file }) => file === "root.json")).toEqual({
      type: "request",
      repository: moving.repository,
      file: "root.json",
      status: 200,
      bytes: moving.roots.get(1)?.length,
      milliseconds: expect.any(Number),
      date: expect.any(String),
    });
  });
});
