import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrustError } from "../../src/client/errors.ts";
import { lockedReference, parseReference } from "../../src/client/reference.ts";
import { trustCodeOf, trustErrorOf } from "../support/fetching.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const hex = "0123456789abcdef".repeat(4);
const digest = `sha256:${hex}`;

interface Answer {
  readonly text: string;
  readonly name: string | null;
  readonly tag?: string;
  readonly digest?: string;
}

const answers = JSON.parse(
  readFileSync(new URL("../vectors/references/answers.json", import.meta.url), "utf8"),
) as readonly Answer[];

/** Texts that the other library accepts and we refuse, with the reason. */
const refusedHere: ReadonlyMap<string, string> = new Map([
  [`nginx@sha512:${hex}${hex}`, "images are signed by their sha256"],
  [`nginx@sha384:${"ab".repeat(48)}`, "images are signed by their sha256"],
  [`${hex}:1`, "64 hex digits are an image's ID, with a tag as well as without"],
  [`${hex}@${digest}`, "64 hex digits are an image's ID, with a digest as well as without"],
  ["registry.example.test:100000/a", "there is no such port"],
  ["registry_example.test/a", "no host has an underscore; the other library takes it for a path with a dot"],
  ...["a".repeat(238), "a".repeat(247), `t/${"a".repeat(244)}`].map((text): [string, string] => [
    text,
    "a full name of more than 255 characters is no repository's",
  ]),
  ...[234, 255].map((length): [string, string] => [
    `registry.example.test/${"a".repeat(length)}`,
    "a full name of more than 255 characters is no repository's",
  ]),
]);

function ours(text: string): Answer {
  try {
    const { name, tag, digest: own } = parseReference(text);
    return {
      text,
      name,
      ...(tag === undefined ? {} : { tag }),
      ...(own === undefined ? {} : { digest: own }),
    };
  } catch (error) {
    if (error instanceof TrustError && error.code === "REFERENCE_INVALID") return { text, name: null };
    throw error;
  }
}

/** The other library keeps a host as it is written, and so knows `docker.io` in lower case only. */
const lowered = (name: string) =>
  name
    .replace(/^(?:index\.)?docker\.io\/([^/]+)$/i, "docker.io/library/$1")
    .replace(/^[^/]*[.:][^/]*|^localhost/i, (host) => host.toLowerCase());

describe("another library's answer is ours, with the host in lower case", () => {
  it.each(
    answers.filter(({ text }) => !refusedHere.has(text)).map((answer) => [answer.text, answer] as const),
  )("%j", (text, answer) => {
    expect(ours(text)).toEqual({ ...answer, name: answer.name && lowered(answer.name) });
  });
});

describe("another library accepts what we refuse", () => {
  const accepted = new Map(
    answers.filter(({ name }) => name !== null).map((answer) => [answer.text, answer]),
  );
  it.each([...refusedHere])("%j: %s", async (text) => {
    expect(accepted.has(text)).toBe(true);
    expect(await trustCodeOf(() => parseReference(text))).toBe("REFERENCE_INVALID");
  });
});

describe("a reference", () => {
  it("is taken apart", () => {
    expect(parseReference(`index.docker.io/nginx:1.25@${digest}`)).toEqual({
      written: "index.docker.io/nginx",
      name: "docker.io/library/nginx",
      host: "docker.io",
      path: "library/nginx",
      tag: "1.25",
      digest,
    });
  });

  it("has its host in lower case and keeps what was written beside it", () => {
    expect(parseReference("Registry.Example.Test:5000/app")).toMatchObject({
      name: "registry.example.test:5000/app",
      host: "registry.example.test:5000",
      written: "Registry.Example.Test:5000/app",
    });
  });

  it("of more than 1,024 characters is refused before anything else", async () => {
    expect(await trustCodeOf(() => parseReference("a/".repeat(5_000_000)))).toBe("REFERENCE_INVALID");
  });

  it("is shown in a refusal in printable letters and no more than 120 of them", async () => {
    const { reference } = await trustErrorOf(() => parseReference(`\u001b[31m${"é".repeat(500)}`));
    expect(reference).toMatch(/^[\x20-\x7e]{120}$/);
  });
});

describe("what a builder is given", () => {
  it.each([
    ["nginx", `nginx@${digest}`],
    ["nginx:1.25", `nginx:1.25@${digest}`],
    ["index.docker.io/library/nginx:1", `index.docker.io/library/nginx:1@${digest}`],
    [`localhost:5000/app@sha256:${"0".repeat(64)}`, `localhost:5000/app@${digest}`],
  ])("for %s", (text, locked) => {
    expect(lockedReference(parseReference(text), digest)).toBe(locked);
  });
});

const letter = fc.constantFrom(
  ..."aB0.-_/:@[]* \n",
  "é",
  "__",
  "--",
  "docker.io",
  "localhost",
  "sha256:",
  hex,
);

it(
  "any text is refused by its code, or has one full name that means itself",
  () => {
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 12 }), (text) => {
        const { name } = ours(text);
        if (name === null) return;
        const again = parseReference(name);
        expect(again.name).toBe(name);
        expect(`${again.host}/${again.path}`).toBe(name);
      }),
      runs(3_000),
    );
  },
  propertyTimeout,
);

it(
  "what a builder is given means the same repository, tag and digest",
  () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,4})?$/);
    const host = fc.constantFrom(
      "",
      "docker.io/",
      "index.docker.io/",
      "localhost:5000/",
      "registry.example.test/",
    );
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}$/), { nil: undefined });
    fc.assert(
      fc.property(host, fc.array(part, { minLength: 1, maxLength: 3 }), tag, (where, path, name) => {
        const text = `${where}${path.join("/")}${name === undefined ? "" : `:${name}`}`;
        const before = parseReference(text);
        const after = parseReference(lockedReference(before, digest));
        expect(after).toEqual({ ...before, digest });
      }),
      runs(500),
    );
  },
  propertyTimeout,
);
