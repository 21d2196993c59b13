import { expect, it } from "vitest";
import { unusedSettings } from "../../../src/client/policy/unused-settings.ts";
import { readPolicy } from "../../../src/policy/schema.ts";
import type { TrustPolicy } from "../../../src/policy/trust-policy.ts";

const [a, b] = ["https://a.example.test", "https://b.example.test"] as const;
function understood(policy: object): TrustPolicy {
  const read = readPolicy(policy);
  if ("length" in read)
    throw new Error(read.map(({ path, sentence }) => `${path.join(".")} ${sentence}`).join());
  return read;
}
const unused = (policy: object, option?: string) =>
  unusedSettings(understood(policy), option).map(
    (sentence) => /https:[^,]+|targets\/[^,]+/.exec(sentence)?.[0],
  );
const servers = { [`${a}/`]: { ca: "a.pem" }, [b]: { ca: "b.pem" } };

it.each<[string, object, string | undefined, readonly string[]]>([
  [
    "rules name all",
    {
      servers,
      repositories: [
        { match: "x.test/1", server: a },
        { match: "x.test/2", server: b },
      ],
    },
    undefined,
    [],
  ],
  ["a rule names one", { servers, repositories: [{ match: "x.test/1", server: `${b}/` }] }, undefined, [a]],
  ["the policy names one for all", { servers, server: a, repositories: [{ match: "x.test/1" }] }, b, [b]],
  ["the option names one", { servers, repositories: [{ match: "x.test/1" }] }, b, [a]],
  ["there is no rule", { servers, server: a }, undefined, [a, b]],
])("of servers, those to which nothing leads: %s", (_, policy, option, expected) => {
  expect(unused(policy, option)).toEqual(expected);
});

it.each<[object, readonly string[]]>([
  [{}, ["targets/security", "targets/a/b"]],
  [{ lookup: ["targets/security", "targets/a"] }, ["targets/a/b"]],
  [{ lookup: ["targets/a/**"], require: ["targets/security"] }, []],
  [{ lookup: ["targets/a/b/c"] }, ["targets/security"]],
  [{ lookup: ["targets/**"] }, []],
])("of roles, those whose word does not count under %j", (rule, expected) => {
  const roles = Object.fromEntries(
    ["targets", "targets/security", "targets/a/b"].map((role) => [role, { maxLifetime: "90d" }]),
  );
  expect(unused({ repositories: [{ match: "x.test/1", roles, ...rule }] })).toEqual(expected);
});
