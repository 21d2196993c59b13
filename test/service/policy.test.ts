/** A policy file over a whole server: what its publisher is told, what its operator sees, and what is left behind. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultPolicy, type Policy } from "../../src/policy/policy.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import { openServerPolicy } from "../../src/wire/policy-texts.ts";
import type { Answer } from "../support/client.ts";
import { openPolicy } from "../support/judging.ts";
import { newKey, newRootKey, type Owner } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "registry.example.test/team/app";
const withFile = (file: object): Policy => ({ ...defaultPolicy, file: openPolicy(file) });
const strict = withFile({
  repositories: [
    {
      match: "registry.example.test/**",
      root: { pins: { keys: ["ab".repeat(32)] }, minThreshold: 2, maxLifetime: "400d" },
      roles: { targets: { minThreshold: 2, maxLifetime: "90d" } },
      algorithms: ["rsa-4096"],
    },
  ],
});

let inForce: PolicyInForce;
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  inForce = new PolicyInForce(strict);
  server = await startServer({ policyInForce: inForce });
  owner = await server.owner(repository);
});
afterEach(() => server.close());

const messageOf = ({ body }: Answer): string => JSON.parse(body.toString()).errors[0].detail.Error.Msg;
const refusedLines = () =>
  server.log
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === "a publication was refused by policy");

describe("a publication that the policy refuses", () => {
  it("has the code of the most important finding, and leaves nothing behind", async () => {
    const answer = await server.publish(repository, owner.first());
    expect([answer.status, answer.headers["vidimus-code"]]).toEqual([400, "PIN_MISMATCH"]);
  });

  it("is answered within what a stock client reads, with whole findings and the number of the others", async () => {
    const answer = await server.publish(repository, owner.first());
    expect(answer.body.length).toBeLessThanOrEqual(1_024);
    expect(messageOf(answer)).toMatch(
      /^The root carries 0 of 2 signatures by keys that the policy pins.* And \d+ more\.$/,
    );
  });

  it("is answered within it also with a thousand findings whose words take many bytes", async () => {
    const paths = Array.from({ length: 300 }, (_, i) => `"\\é${i}`);
    for (let i = 0; i < 50; i++) {
      owner.delegate(`targets/r${i}`);
      Object.assign(owner.targets.delegations.at(-1) ?? {}, { paths });
    }
    inForce.replace(withFile({ repositories: [{ match: "**", roles: { "targets/**": { paths: ["x"] } } }] }));
    const answer = await server.publish(repository, owner.first());
    expect(answer.headers["vidimus-code"]).toBe("DELEGATION_PATHS");
    expect(answer.body.length).toBeLessThanOrEqual(1_024);
    expect(messageOf(answer)).toMatch(/^targets gives targets\/r0 the paths .* And \d+ more\.$/);
  });

  it("is written down with who, why and every finding", async () => {
    await server.publish(repository, owner.first());
    const [line] = refusedLines();
    expect(line).toMatchObject({ repository, principal: "anonymous" });
    const codes = line.reasons.map(({ code }: { code: string }) => code);
    expect(new Set(codes)).toEqual(
      new Set(["PIN_MISMATCH", "POLICY_THRESHOLD", "THRESHOLD_TOO_LOW", "ALGORITHM_NOT_ALLOWED", "LIFETIME"]),
    );
    for (const { sentence, fix } of line.reasons)
      for (const each of [sentence, fix]) expect(each).toMatch(/\.$/);
  });

  it("lists no more than 64 findings, and says how many it left out", async () => {
    for (let i = 0; i < 100; i++) owner.delegate(`targets/r${i}`);
    inForce.replace(withFile({ repositories: [{ match: "**", roles: { "targets/**": { paths: ["x"] } } }] }));
    await server.publish(repository, owner.files("root", "targets"));
    expect(refusedLines()[0].reasons).toHaveLength(64);
    expect(refusedLines()[0].left).toBe(36);
  });

  it("is counted once by its code, and by the code of each finding", async () => {
    await server.publish(repository, owner.first());
    const metrics = (await server.get("/metrics")).body.toString();
    expect(metrics).toContain('vidimus_refusals_total{code="PIN_MISMATCH"} 1');
    for (const code of ["PIN_MISMATCH", "POLICY_THRESHOLD", "LIFETIME"])
      expect(metrics).toContain(`vidimus_policy_refusals_total{code="${code}"} 1`);
    expect(metrics.match(/^vidimus_policy_refusals_total\{/gm)).toHaveLength(5);
  });
});

it("without a rule for it, a repository is refused by name, and others are served", async () => {
  const other = "elsewhere.example.test/app";
  const theirs = await server.owner(other);
  const answer = await server.publish(other, theirs.first());
  expect(answer.headers["vidimus-code"]).toBe("NO_RULE");
  expect(messageOf(answer)).toContain(other);
});

it("a publication that satisfies everything is accepted, and its chain verifies", async () => {
  inForce.replace(
    withFile({
      repositories: [
        {
          match: "registry.example.test/**",
          root: { pins: { keys: [owner.rootKey.listed.id] } },
          roles: { targets: { minThreshold: 2 }, "targets/releases": { paths: ["v"] } },
          algorithms: ["ecdsa-p256"],
        },
      ],
    }),
  );
  const second = newKey("ecdsa");
  owner.targets.signers.push(second);
  owner.root.keys.targets.push(second.listed);
  owner.root.thresholds.targets = 2;
  expect((await server.publish(repository, owner.first())).status).toBe(200);
});

describe("examples/policy/strict-quorum.yaml", () => {
  const name = "registry.acme.example/team/app";
  const [day, year] = [86_400_000, 365 * 86_400_000];

  /** A repository as it demands: two root keys, two signatures everywhere, short lifetimes. */
  async function quorum(): Promise<Owner> {
    const mine = await server.owner(name);
    const second = await newRootKey(name, server.clock.now());
    const text = readFileSync(
      resolve(import.meta.dirname, "../../examples/policy/strict-quorum.yaml"),
      "utf8",
    );
    const ids = text.match(/\b[0-9a-f]{64}\b/g) ?? [];
    const own = [mine.rootKey.listed.id, second.listed.id];
    const pinned = own.reduce((all, id, index) => all.replace(ids[index] ?? "", id), text);
    inForce.replace({
      ...defaultPolicy,
      file: await openServerPolicy({ file: "p", text: pinned, authorities: {} }),
    });
    const at = server.clock.now();
    Object.assign(mine.root, { signers: [mine.rootKey, second], expires: at + 400 * day });
    mine.root.keys.root.push(second.listed);
    const other = newKey();
    mine.targets.signers.push(other);
    mine.root.keys.targets.push(other.listed);
    Object.assign(mine.root.thresholds, { root: 2, targets: 2 });
    mine.targets.expires = at + 400 * day;
    mine.delegate("targets/releases", [newKey(), newKey("ecdsa")]).expires = at + 90 * day;
    return mine;
  }

  it("can be satisfied", async () => {
    const mine = await quorum();
    const answer = await server.publish(name, mine.first());
    expect([answer.status, answer.body.toString()]).toEqual([200, ""]);
    expect((await server.publish(name, mine.next("targets/releases"))).status).toBe(200);
  });

  it.each<[string, (mine: Owner) => unknown, string]>([
    ["one root signature", ({ root }) => root.signers.pop(), "ROOT_NOT_SELF_SIGNED"],
    [
      "a root threshold of one",
      ({ root }) => Object.assign(root.thresholds, { root: 1 }),
      "THRESHOLD_TOO_LOW",
    ],
    ["one signature on targets", ({ targets }) => targets.signers.pop(), "THRESHOLD"],
    [
      "a long life",
      (mine) => Object.assign(mine.role("targets/releases"), { expires: mine.at + year }),
      "LIFETIME",
    ],
    ["a delegation of one", (mine) => mine.delegate("targets/rc", [newKey()]), "POLICY_THRESHOLD"],
  ])("refuses %s, and takes the same without", async (_, change, code) => {
    const mine = await quorum();
    const good = mine.first();
    change(mine);
    expect((await server.publish(name, mine.first())).headers["vidimus-code"]).toBe(code);
    expect((await server.publish(name, good)).status).toBe(200);
  });
});

describe("a policy that is replaced", () => {
  it("holds from the next publication on; what was published before is served and renewed", async () => {
    inForce.replace(defaultPolicy);
    expect((await server.publish(repository, owner.first())).status).toBe(200);
    inForce.replace(strict);
    const answer = await server.publish(repository, owner.next("targets"));
    expect(answer.headers["vidimus-code"]).toBe("POLICY_THRESHOLD");
    server.clock.advance(15 * 86_400_000);
    expect((await server.file(repository, "timestamp.json")).status).toBe(200);
  });

  it("and cannot be: /readyz and a metric say so, and the server stays ready", async () => {
    const stale = async () =>
      (await server.get("/metrics")).body.toString().match(/^vidimus_policy_stale (\d)$/m)?.[1];
    expect([(await server.get("/readyz")).body.toString(), await stale()]).toEqual(["{}", "0"]);
    inForce.keep("the newer one cannot be used");
    const { status, body } = await server.get("/readyz");
    expect([status, JSON.parse(body.toString())]).toEqual([200, { Policy: "the newer one cannot be used" }]);
    expect(await stale()).toBe("1");
    inForce.replace(strict);
    expect([(await server.get("/readyz")).body.toString(), await stale()]).toEqual(["{}", "0"]);
  });
});
