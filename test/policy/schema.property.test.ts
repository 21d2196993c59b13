import * as fc from "fast-check";
import { expect, it } from "vitest";
import { readPolicy } from "../../src/policy/schema.ts";
import { anyJson } from "../support/any-json.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const whole = {
  version: 1,
  default: "refuse",
  server: "https://notary.example.test",
  servers: {
    "https://notary.example.test": {
      ca: "ca.pem",
      clientCertificate: { certificate: "c.pem", key: "k.pem" },
      tokenRealms: ["https://auth.example.test"],
    },
  },
  defaults: { tofu: false, lookup: ["targets"] },
  repositories: [
    {
      match: "mirror.example.test/*",
      trustedAs: "library/*",
      root: { pins: { keys: ["0".repeat(64)], ca: "ca.pem" }, minThreshold: 1, onRotation: "repin" },
      roles: { targets: { minThreshold: 1, maxLifetime: "30d", paths: ["v"] } },
      require: ["targets"],
      algorithms: ["ed25519"],
      signatures: { maxAge: "180d", unknownAge: "refuse" },
      offline: { maxAge: "12h" },
    },
  ],
};

type Path = readonly (string | number)[];

function objectsIn(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, each]) =>
    objectsIn(each, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return Array.isArray(value) ? inner : [path, ...inner];
}

it(
  "any value gives a policy or at least one problem, and never throws",
  () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const result = readPolicy(value);
        if ("length" in result) expect(result.length).toBeGreaterThan(0);
        else expect(result.default).toBe("refuse");
      }),
      runs(500),
    );
  },
  propertyTimeout,
);

it(
  "a good policy with one more key, of any name in any place, is refused, and the key is named",
  () => {
    const places = objectsIn(whole);
    fc.assert(
      fc.property(
        fc.constantFrom(...places),
        fc.string({ minLength: 1, maxLength: 12 }),
        anyJson,
        (path, key, value) => {
          const copy = structuredClone(whole) as unknown as Record<string, unknown>;
          const place = path.reduce<Record<string, unknown>>(
            (here, each) => here[each] as Record<string, unknown>,
            copy,
          );
          // Any key of the schema may come to stand where it is optional.
          fc.pre(!/^(?:tofu|certificates|server|root|roles|lookup|require|trustedAs|ca|paths)$/.test(key));
          fc.pre(!Object.hasOwn(place, key));
          Object.defineProperty(place, key, { value, enumerable: true });
          const result = readPolicy(copy);
          if (!("length" in result)) expect.unreachable(JSON.stringify(copy));
          expect(result.map((problem) => problem.path)).toContainEqual([...path, key]);
        },
      ),
      runs(1_000),
    );
  },
  propertyTimeout,
);

it("the policy of these properties is a good one", () => {
  expect("length" in readPolicy(whole)).toBe(false);
});
