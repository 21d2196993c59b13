import { resolve } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pinsOf, withoutPins, withPins } from "../../../src/client/policy/edit.ts";
import { parsePolicy } from "../../../src/client/policy/file.ts";
import { trustCodeOf, trustErrorOf } from "../../support/fetching.ts";
import { propertyTimeout, runs } from "../../support/properties.ts";

const [one, two, three] = ["a1".repeat(32), "b2".repeat(32), "c3".repeat(32)];
const nginx = "docker.io/library/nginx";

type Asked = Parameters<typeof withPins>[4];

const policy = `# What we install from.
default: refuse # nothing else

server: https://notary.example.test
repositories:
  # The web server.
  - match: nginx
    root:
      pins:
        keys:
          - ${one} # the publisher's, compared by telephone
  - match: registry.example.test/**
    lookup: [targets]   # one role
  - match: library/*
    root: { pins: { keys: [${two}], certificates: [${three}], ca: ca.pem }, minThreshold: 2 }
`;

/** One whose rules lead nowhere by themselves. */
const serverless = policy.replace(/^server: .*\n/m, "");
const home = { server: "https://home.example.test" };
const other = "https://other.example.test";

const add = (text: string, repository: string, ids: readonly string[], asked?: Asked) =>
  withPins(text, "policy.yml", repository, ids, asked);
const remove = (text: string, repository: string, ids: readonly string[] | "all") =>
  withoutPins(text, "policy.yml", repository, ids);
const pins = async (text: string) => pinsOf(await parsePolicy(text, "policy.yml"));

/** As it is, but for spaces inside of brackets and before comments. */
function unspaced(text: string): string {
  return text.replace(/(?<=[[{]) +| +(?=[\]}])|(?<=\S) +(?= #)/g, "");
}

/** Lines of a text that another has not, in both directions. */
function difference(before: string, after: string): { gone: string[]; come: string[] } {
  const [old, young] = [unspaced(before).split("\n"), unspaced(after).split("\n")];
  return {
    gone: old.filter((line) => !young.includes(line)),
    come: young.filter((line) => !old.includes(line)),
  };
}

describe("a pin that is added", () => {
  it("goes to the rule that speaks for the name, with everything else as it was", async () => {
    const change = await add(policy, nginx, [two]);
    expect([change.rule, change.keyIds]).toEqual(["nginx", [two]]);
    expect(difference(policy, change.text)).toEqual({ gone: [], come: [`          - ${two}`] });
  });

  it("goes to the most specific rule", async () => {
    expect((await add(policy, "docker.io/library/redis", [one])).rule).toBe("library/*");
    expect((await add(policy, "registry.example.test/a/b", [one])).rule).toBe("registry.example.test/**");
  });

  it("makes the first pins of a rule that has none, behind what it says", async () => {
    const { text } = await add(policy, "registry.example.test/a", [one, two]);
    expect(difference(policy, text).gone).toEqual([]);
    expect((await pins(text))[1]).toEqual({
      match: "registry.example.test/**",
      keys: [one, two],
      certificates: [],
      ca: undefined,
    });
  });

  it("is not added twice", async () => {
    const change = await add(policy, nginx, [one]);
    expect([change.keyIds, change.text]).toEqual([[], policy]);
  });

  it("is a rule of its own at the end where none speaks for the name", async () => {
    const change = await add(serverless, "other.example.test/app", [one], { server: other });
    expect([change.rule, change.server]).toEqual(["other.example.test/app", other]);
    expect(difference(serverless, change.text).gone).toEqual([]);
    const { rules } = await parsePolicy(change.text, "policy.yml");
    expect(rules.map(({ match }) => match.text)).toEqual([
      "nginx",
      "registry.example.test/**",
      "library/*",
      "other.example.test/app",
    ]);
    expect(rules.at(-1)).toMatchObject({ server: other, pins: { keys: [one] } });
  });

  it("names no server where the policy does", async () => {
    const change = await add(policy, "other.example.test/app", [one], { server: other });
    expect(change.server).toBe("https://notary.example.test");
    expect(change.text).not.toContain(other);
  });

  it("gives a rule that leads nowhere the server that was named for it, and not one that is a default", async () => {
    const change = await add(serverless, nginx, [two], { server: other, ca: "ca.pem", isNamed: true });
    expect(change.server).toBe(other);
    expect(difference(serverless, change.text).gone).toEqual([]);
    const { rules, servers } = await parsePolicy(change.text, "policy.yml");
    expect([rules[0]?.server, servers.get(other)?.ca]).toEqual([other, "ca.pem"]);
    const byDefault = await add(serverless, nginx, [two], { server: other });
    expect([byDefault.server, byDefault.text.includes(other)]).toEqual([other, false]);
    // A server alone is a change, too.
    const again = await add(serverless, nginx, [one], { server: other, isNamed: true });
    expect([again.keyIds, again.text.includes(other)]).toEqual([[], true]);
  });

  it("is refused where the rule would lead nowhere: NO_SERVER", async () => {
    for (const repository of [nginx, "other.example.test/app", "other.example.test/**"])
      expect(await trustCodeOf(add(serverless, repository, [two])), repository).toBe("NO_SERVER");
  });

  it("of a new rule comes with the authority of the server that was asked, beside the policy", async () => {
    const server = other;
    const asked = (ca: string, address = server) =>
      withPins(serverless, "some/policy.yml", "other.example.test/app", [one], { server: address, ca });
    const caOf = async (change: { text: string }) =>
      (await parsePolicy(change.text, "policy.yml")).servers.get(server)?.ca;
    expect(await caOf(await asked("some/tls/ca.pem"))).toBe("tls/ca.pem");
    expect(await caOf(await asked("ca.pem"))).toBe(resolve("ca.pem"));
    expect(await caOf(await asked("/etc/ca.pem", `${server}/`))).toBe("/etc/ca.pem");
  });

  it("leaves what the policy says of a server, and a server that a rule of it leads to", async () => {
    const text = `servers: { "https://own.example.test/": { ca: own.pem } }\n${serverless}`;
    const own = await add(text, "other.example.test/app", [one], {
      server: "https://own.example.test",
      ca: "other.pem",
    });
    expect(own.text).not.toContain("other.pem");
    const ruled = await add(policy, nginx, [two], { server: "https://own.example.test", ca: "other.pem" });
    expect((await parsePolicy(ruled.text, "policy.yml")).servers.size).toBe(0);
  });

  it.each(["", "\n", "  \n\n"])("makes a whole policy out of %j", async (text) => {
    const change = await add(text, nginx, [one], home);
    expect(change.text).toMatch(
      /^version: 1\ndefault: refuse\nrepositories:\n {2}- match: .*\nserver: https:\/\/home/s,
    );
    expect((await parsePolicy(change.text, "policy.yml")).rules).toMatchObject([{ pins: { keys: [one] } }]);
  });

  it.each(["default: refuse\n", "repositories: []\n", '{"repositories": []}\n'])(
    "makes the list of rules in %j",
    async (text) => {
      expect(await pins((await add(text, nginx, [one], home)).text)).toMatchObject([
        { match: nginx, keys: [one] },
      ]);
    },
  );

  it("keeps what the defaults demand of roots, and their pins", async () => {
    const text = [
      "defaults:",
      "  root:",
      "    minThreshold: 2",
      "    onRotation: anchor",
      `    pins: { keys: ["${one}"], ca: ca.pem }`,
      "repositories:",
      "  - match: nginx",
      "",
    ].join("\n");
    const expected = { rootMinThreshold: 2, onRotation: "anchor", pins: { keys: [one, two], ca: "ca.pem" } };
    for (const [repository, index] of [
      [nginx, 0],
      ["other.example.test/app", 1],
    ] as const) {
      const { rules } = await parsePolicy((await add(text, repository, [two], home)).text, "policy.yml");
      expect(rules[index]).toMatchObject(expected);
    }
  });

  it("does not bring back defaults that a rule has replaced", async () => {
    const text =
      "defaults: { root: { minThreshold: 2 } }\nrepositories:\n  - match: nginx\n    root: { onRotation: repin }\n";
    const { rules } = await parsePolicy((await add(text, nginx, [one], home)).text, "policy.yml");
    expect(rules[0]).toMatchObject({ rootMinThreshold: 1, pins: { keys: [one] } });
  });
});

describe("a pin that is removed", () => {
  it("leaves everything else as it was", async () => {
    const before = (await add(policy, nginx, [two])).text;
    const change = await remove(before, nginx, [two]);
    expect([change.rule, change.keyIds]).toEqual(["nginx", [two]]);
    expect(unspaced(change.text)).toBe(unspaced(policy));
  });

  it("leaves no empty list, and no empty pins, behind", async () => {
    const change = await remove(policy, nginx, [one]);
    expect(change.text).not.toContain("telephone");
    expect((await pins(change.text)).map(({ match }) => match)).toEqual(["library/*"]);
    expect(change.text).toContain(
      "  # The web server.\n  - match: nginx\n  - match: registry.example.test/**\n",
    );
  });

  it("may be a key or a certificate, and leaves the authority", async () => {
    const change = await remove(policy, "docker.io/library/redis", [two, three]);
    expect([...change.keyIds].sort()).toEqual([two, three]);
    expect((await pins(change.text))[1]).toMatchObject({ keys: [], certificates: [], ca: "ca.pem" });
  });

  it("may be every one, the authority too, while the rest of root stays", async () => {
    const change = await remove(policy, "docker.io/library/redis", "all");
    const { rules } = await parsePolicy(change.text, "policy.yml");
    expect(rules[2]).toMatchObject({ pins: undefined, rootMinThreshold: 2 });
  });

  it("that is not there is refused, for the one that was meant would stay: OPTION_INVALID", async () => {
    for (const repository of [nginx, "registry.example.test/a"])
      expect(await trustCodeOf(remove(policy, repository, [three])), repository).toBe("OPTION_INVALID");
    const error = await trustErrorOf(() => remove(policy, nginx, [one, three]));
    expect(error.message).toBe(`The rule nginx does not pin ${three}; it pins ${one}.`);
  });

  it("changes nothing where nothing is pinned and all is removed", async () => {
    expect(await remove(policy, "registry.example.test/a", "all")).toMatchObject({
      text: policy,
      keyIds: [],
    });
  });

  it("where no rule speaks for the name: NO_RULE", async () => {
    expect(await trustCodeOf(remove(policy, "other.example.test/app", "all"))).toBe("NO_RULE");
    expect(await trustCodeOf(remove("", nginx, "all"))).toBe("NO_RULE");
  });
});

describe("an edit is refused and nothing is returned: POLICY_INVALID", () => {
  it("if the policy is bad before", async () => {
    for (const text of ["odd: 1\n", "repositories: 5\n", "- a\n", 'default: "\n']) {
      expect(await trustCodeOf(add(text, nginx, [one])), text).toBe("POLICY_INVALID");
      expect(await trustCodeOf(remove(text, nginx, "all")), text).toBe("POLICY_INVALID");
    }
  });

  it.each([
    ["an ID that is none", nginx, ["abc"]],
    ["no ID at all, where nothing was pinned", "registry.example.test/a", []],
    ["a name that is none, for a rule of its own", "other.example.test/no name", [one]],
    ["a name with a tag", "other.example.test/new:1", [one]],
    [
      "more IDs than a list may have",
      nginx,
      Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(64, "a")),
    ],
  ])("if it would be bad with %s", async (_, repository, ids) => {
    expect(await trustCodeOf(add(policy, repository, ids))).toBe("POLICY_INVALID");
  });

  it("if it would be bad with a server that is none", async () => {
    expect(await trustCodeOf(add(serverless, "other.example.test/app", [one], { server: "other" }))).toBe(
      "POLICY_INVALID",
    );
  });

  it("if two rules speak equally for the name", async () => {
    const text = "repositories:\n  - match: '*/team/app'\n  - match: docker.io/*/app\n";
    expect(await trustCodeOf(add(text, "docker.io/team/app", [one]))).toBe("POLICY_INVALID");
    expect(await trustCodeOf(remove(text, "docker.io/team/app", "all"))).toBe("POLICY_INVALID");
  });
});

it(
  "adding pins and removing them again leaves the policy it was, comments included",
  async () => {
    const id = fc.stringMatching(/^[0-9a-f]{64}$/);
    const name = fc.constantFrom(nginx, "registry.example.test/a/b", "docker.io/library/redis");
    await fc.assert(
      fc.asyncProperty(name, fc.uniqueArray(id, { minLength: 1, maxLength: 5 }), async (repository, ids) => {
        const added = await add(policy, repository, ids);
        for (const comment of policy.match(/#.*/g) ?? []) expect(added.text).toContain(comment);
        const removed = await remove(added.text, repository, ids);
        expect([...removed.keyIds].sort()).toEqual([...ids].sort());
        expect(await parsePolicy(removed.text, "policy.yml")).toEqual(
          await parsePolicy(policy, "policy.yml"),
        );
      }),
      runs(60),
    );
  },
  propertyTimeout,
);
