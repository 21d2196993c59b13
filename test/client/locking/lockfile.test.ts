import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeLock,
  floorsOf,
  type LockedImage,
  type LockFile,
  lockKey,
  readLock,
} from "../../../src/client/locking/lockfile.ts";
import { trustErrorOf } from "../../support/fetching.ts";
import { propertyTimeout, runs } from "../../support/properties.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

function image(wish: Partial<LockedImage> = {}): LockedImage {
  return {
    name: "docker.io/library/nginx",
    tag: "1.25",
    digest,
    length: 1_234,
    repository: "docker.io/library/nginx",
    target: "1.25",
    server: "https://notary.example.test",
    role: "targets/releases",
    signers: ["a".repeat(64), "b".repeat(64)],
    threshold: { needed: 1, signed: 2 },
    versions: { root: 1, snapshot: 5, targets: 3, "targets/releases": 4, timestamp: 9 },
    rootSha256: "e".repeat(64),
    onlineKeyIds: { timestamp: ["c".repeat(64)], snapshot: ["d".repeat(64)] },
    expires: {
      earliest: "2026-12-01T00:00:00.000Z",
      root: "2030-01-01T00:00:00Z",
      snapshot: "2027-01-01T00:00:00Z",
      targets: "2027-02-01T00:00:00Z",
      "targets/releases": "2027-03-01T00:00:00Z",
      timestamp: "2026-12-01T00:00:00Z",
    },
    signedAt: "2026-11-24T12:00:00Z",
    files: ["a.yml", "b.yml"],
    ...wish,
  };
}

const lock: LockFile = {
  lockedAt: "2026-11-24T12:00:00.000Z",
  images: [image(), image({ name: "docker.io/library/redis", tag: null })],
  unverified: [{ reference: "localhost/app", files: ["a.yml"] }],
};
const text = encodeLock(lock);
const read = (given: string) => readLock(given, "vidimus.lock");

function omitted<T>(object: Readonly<Record<string, T>>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(object).filter(([each]) => each !== name));
}

async function lineOf(given: string): Promise<number> {
  const { code, file, line } = await trustErrorOf(() => read(given));
  expect([code, file]).toEqual(["LOCK_INVALID", "vidimus.lock"]);
  return line ?? 0;
}

/** The lock as text after an edit, and the line in which a member of the edited object stands. */
function edited(edit: (value: ReturnType<typeof JSON.parse>) => void): string {
  const value = JSON.parse(text);
  edit(value);
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Line of the member with this many spaces before it, of the image with this number. */
function lineIn(given: string, name: string, indent: number, number: number): number {
  const lines = given.split("\n");
  const starts = lines.flatMap((line, index) => (line === "    {" ? [index] : []));
  const from = starts[number] ?? 0;
  return (
    lines.findIndex((line, index) => index >= from && line.startsWith(`${" ".repeat(indent)}"${name}":`)) + 1
  );
}

describe("a lock", () => {
  it("is read as it was written", () => {
    expect(read(text)).toEqual(lock);
  });

  it("has one member a line and a line end", () => {
    expect(text.endsWith("}\n")).toBe(true);
    expect(text.split("\n").filter((line) => line.includes('"digest"'))).toHaveLength(2);
  });

  it("has a key for each image: its name with the tag, or with the digest alone", () => {
    expect(lock.images.map(lockKey)).toEqual([
      "docker.io/library/nginx:1.25",
      `docker.io/library/redis@${digest}`,
    ]);
  });
});

describe("the order in a lock", () => {
  it("is that of names and tags, whatever was given", () => {
    const images = ["b:2", "a:1", "b:1", "a:10", "a:2"].map((each) => {
      const [name = "", tag = ""] = each.split(":");
      return image({ name: `docker.io/library/${name}`, tag });
    });
    const keys = read(encodeLock({ ...lock, images })).images.map(lockKey);
    expect(keys.map((key) => key.slice("docker.io/library/".length))).toEqual([
      "a:1",
      "a:10",
      "a:2",
      "b:1",
      "b:2",
    ]);
  });

  it("is the same for the same content", () => {
    const turned = (each: object) => Object.fromEntries(Object.entries(each).reverse());
    const other: LockFile = {
      lockedAt: lock.lockedAt,
      images: [...lock.images].reverse().map((each) => ({
        ...(turned(each) as unknown as LockedImage),
        versions: turned(each.versions) as LockedImage["versions"],
        expires: turned(each.expires) as LockedImage["expires"],
        signers: [...each.signers].reverse(),
        files: [...each.files].reverse(),
      })),
      unverified: lock.unverified,
    };
    expect(encodeLock(other)).toBe(text);
  });
});

const word = fc.string({ maxLength: 12 });
const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const count = fc.nat(1_000_000);
const date = fc
  .date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true })
  .map((each) => each.toISOString());
const anyRole = fc.constantFrom("targets", "targets/releases", "targets/a/b");
/** Each of the files on which an image of a role stands. */
const filesOf = (role: string) => {
  const parts = role.split("/");
  return ["root", "timestamp", "snapshot", ...parts.map((_, depth) => parts.slice(0, depth + 1).join("/"))];
};
const perFile = <T>(role: string, each: fc.Arbitrary<T>) =>
  fc.record(Object.fromEntries(filesOf(role).map((name) => [name, each])));
const anyImage: fc.Arbitrary<LockedImage> = anyRole
  .chain((role) =>
    fc.record({
      name: word,
      tag: fc.option(word),
      digest: hex.map((each) => `sha256:${each}`),
      length: count,
      repository: word,
      target: word,
      server: word,
      role: fc.constant(role),
      signers: fc.uniqueArray(hex, { minLength: 1, maxLength: 3 }).map((each) => each.sort()),
      spare: fc.nat(2),
      versions: perFile(
        role,
        count.map((each) => each + 1),
      ),
      rootSha256: hex,
      onlineKeyIds: fc.record({
        timestamp: fc.array(hex, { maxLength: 2 }),
        snapshot: fc.array(hex, { maxLength: 2 }),
      }),
      expires: perFile(role, date).map((each) => ({
        ...each,
        earliest: [...Object.values(each)].sort()[0] ?? "",
      })),
      signedAt: fc.option(date, { nil: undefined }),
      files: fc.array(word, { maxLength: 3 }).map((each) => each.sort()),
    }),
  )
  .map(({ spare, ...each }) => {
    const signed = each.signers.length;
    return { ...each, threshold: { needed: Math.max(1, signed - spare), signed } };
  })
  .map(({ signedAt, ...each }) => ({ ...each, ...(signedAt === undefined ? {} : { signedAt }) }));
const anyLock: fc.Arbitrary<LockFile> = fc.record({
  lockedAt: date,
  images: fc.uniqueArray(anyImage, { maxLength: 4, selector: lockKey }),
  unverified: fc.uniqueArray(
    fc.record({ reference: word, files: fc.array(word).map((each) => each.sort()) }),
    {
      maxLength: 3,
      selector: ({ reference }) => reference,
    },
  ),
});

it(
  "any lock is read as it was written, in its order, and written again to the same bytes",
  () => {
    fc.assert(
      fc.property(anyLock, (each) => {
        const written = encodeLock(each);
        const again = read(written);
        expect(encodeLock(again)).toBe(written);
        expect(new Map(again.images.map((one) => [lockKey(one), one]))).toEqual(
          new Map(each.images.map((one) => [lockKey(one), one])),
        );
        expect(again.unverified.length).toBe(each.unverified.length);
      }),
      runs(300),
    );
  },
  propertyTimeout,
);

describe("a member that is damaged is found in its line, of whichever image", () => {
  const members: readonly [string, readonly unknown[]][] = [
    ["name", [null, 5]],
    ["tag", [5, []]],
    ["digest", [null, "sha256:00", digest.toUpperCase(), digest.replace("sha256", "sha512")]],
    ["length", [-1, "5", null]],
    ["repository", [null, {}]],
    ["target", [5]],
    ["server", [null]],
    ["role", [null, "root", "snapshot", ""]],
    ["signers", [null, "a", [5], [], ["a", "a"], Array.from({ length: 257 }, (_, i) => `${i}`)]],
    [
      "threshold",
      [null, 5, [], { needed: 3, signed: 2 }, { needed: 1, signed: 1 }, { needed: 1, signed: 3 }],
    ],
    [
      "versions",
      [
        null,
        [],
        {},
        ...Object.keys(image().versions).map((role) => omitted(image().versions, role)),
        ...["1", -1, 0, null].map((root) => ({ ...image().versions, root })),
      ],
    ],
    ["onlineKeyIds", [null, []]],
    [
      "expires",
      [
        null,
        {},
        ...Object.keys(image().expires).map((role) => omitted(image().expires, role)),
        ...["soon", "2026-12-01", "1 Dec 2026 Z", "2026-12-02T00:00:00Z", "2026-11-30T00:00:00Z"].map(
          (earliest) => ({ ...image().expires, earliest }),
        ),
      ],
    ],
    ["signedAt", [null, 5, "yesterday", "2026-11-24T12:00:00"]],
    ["files", [null, [5], Array.from({ length: 1_025 }, () => "a")]],
    ["odd", [1]],
  ];
  it.each(members)("%s", async (name, values) => {
    for (const value of values) {
      for (const number of [0, 1]) {
        const damaged = edited(({ images }) => {
          images[number][name] = value;
        });
        expect(await lineOf(damaged), JSON.stringify(value)).toBe(lineIn(damaged, name, 6, number));
      }
    }
  });

  it.each([
    ["threshold", "needed"],
    ["threshold", "signed"],
    ["onlineKeyIds", "timestamp"],
    ["onlineKeyIds", "snapshot"],
  ])("%s.%s", async (outer, inner) => {
    for (const number of [0, 1]) {
      const damaged = edited(({ images }) => {
        images[number][outer][inner] = outer === "threshold" ? 0 : "wrong";
      });
      const lines = damaged.split("\n");
      const from = lineIn(damaged, outer, 6, number);
      const line = lines.findIndex((each, index) => index >= from && each.includes(`"${inner}":`)) + 1;
      expect(await lineOf(damaged)).toBe(line);
    }
  });

  it.each(["name", "tag", "digest", "versions", "files"])(
    "%s that is missing, in the line of its image",
    async (name) => {
      const damaged = edited(({ images }) => {
        delete images[1][name];
      });
      expect(damaged.split("\n")[(await lineOf(damaged)) - 1]).toBe("    {");
    },
  );
});

describe("what is damaged outside of the images is found in its line", () => {
  it.each<[string, readonly unknown[]]>([
    ["format", ["vidimus-lock/2", 1, null]],
    ["lockedAt", [null, 5, "now", "2026-11-24T12:00:00+01:00"]],
    ["images", [null, {}, [5], [null]]],
    ["unverified", [null, {}, ["nginx"]]],
    ["odd", [1]],
  ])("%s", async (name, values) => {
    for (const value of values) {
      const damaged = edited((whole) => {
        whole[name] = value;
      });
      expect(await lineOf(damaged), JSON.stringify(value)).toBe(lineIn(damaged, name, 2, -1));
    }
  });

  it("a member of an unverified use that nobody knows", async () => {
    const damaged = edited(({ unverified }) => {
      unverified[0].odd = 1;
    });
    expect(damaged.split("\n")[(await lineOf(damaged)) - 1]).toBe('      "odd": 1');
  });

  it("one image twice", async () => {
    const damaged = edited(({ images }) => images.push(images[0]));
    expect(await lineOf(damaged)).toBe(lineIn(damaged, "images", 2, -1));
  });

  it("a text that is cut", async () => {
    for (let cut = 0; cut < 50; cut++) {
      expect(await lineOf(text.slice(0, Math.floor((cut * (text.length - 2)) / 50)))).toBeGreaterThan(0);
    }
  });

  it("a conflict that a version control system left there", async () => {
    const lines = text.split("\n");
    lines.splice(5, 0, "<<<<<<< ours");
    expect(await lineOf(lines.join("\n"))).toBe(6);
  });
});

describe("floors", () => {
  it("are one for each image of a repository", () => {
    const images = [
      image(),
      image({ tag: "1.26", versions: { root: 2 } }),
      image({ repository: "other", tag: "2" }),
    ];
    const floors = floorsOf({ ...lock, images });
    expect([...floors.keys()]).toEqual(["docker.io/library/nginx", "other"]);
    expect(floors.get("docker.io/library/nginx")?.map(({ versions }) => versions.root)).toEqual([1, 2]);
  });
});
