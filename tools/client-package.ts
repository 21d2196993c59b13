/**
 * Builds and packs the client's package and holds what would be published to what it should be.
 *
 *   node tools/client-package.ts
 *
 * - Its size, with a bound that somebody has to raise, and the list of its files: code and declarations, no sources,
 *   no tests, no maps.
 * - Its dependencies (`client-dependencies.ts`).
 * - That every kind of user finds code and types (publint, and attw for importers of ES modules).
 * - Its API, against the reports in `client/`; and that no type is met in it that cannot be named.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { z } from "zod";
import { apiReport } from "./client-api.ts";
import { buildClient } from "./client-build.ts";
import { closureFindings, dependencyFindings } from "./client-dependencies.ts";
import { type ClientManifest, entriesOf, readClientManifest } from "./client-manifest.ts";
import { report, root } from "./findings.ts";
import { readLock, readManifest } from "./lock.ts";
import { readModules } from "./modules.ts";

/** Bytes: about a quarter above what it was when the bound was last set. */
export const bounds = { packed: 445_000, unpacked: 1_800_000 } as const;

const packSchema = z.looseObject({
  filename: z.string(),
  size: z.number(),
  unpackedSize: z.number(),
  files: z.array(z.looseObject({ path: z.string(), mode: z.number() })),
});
export type Packed = Pick<z.infer<typeof packSchema>, "size" | "unpackedSize" | "files">;

export function sizeFindings({ size, unpackedSize }: Packed): readonly string[] {
  const found = { packed: size, unpacked: unpackedSize };
  return (["packed", "unpacked"] as const)
    .filter((form) => found[form] > bounds[form])
    .map(
      (form) =>
        `the package is ${found[form]} bytes ${form}, more than ${bounds[form]}: find out what grew, ` +
        "or raise the bound in tools/client-package.ts",
    );
}

const expected: readonly RegExp[] = [
  /^(?:package\.json|README\.md|LICENSE)$/,
  /^dist\/(?:client|core|policy|log)\/(?:[a-z-]+\/)*[a-z-]+(?:\.d\.ts|\.js)$/,
  /^dist\/bin\/(?:parts\/)?[\w-]+\.js$/,
  /^dist\/bin\/THIRD-PARTY-LICENSES\.txt$/,
];

export function fileFindings({ files }: Packed, manifest: ClientManifest): readonly string[] {
  const modes = new Map(files.map(({ path, mode }) => [path, mode]));
  const executables = Object.values(manifest.bin);
  const wanted = [
    "README.md",
    "LICENSE",
    ...Object.values(manifest.exports).flatMap((entry) =>
      [entry.types, entry.default].map((path) => path.slice(2)),
    ),
    ...executables,
    ...(executables.length > 0 ? ["dist/bin/THIRD-PARTY-LICENSES.txt"] : []),
  ];
  return [
    ...[...modes.keys()]
      .filter((path) => !expected.some((pattern) => pattern.test(path)))
      .map((path) => `${path} is in the package and may not`),
    ...wanted.filter((path) => !modes.has(path)).map((path) => `${path} is not in the package`),
    ...executables
      .filter((path) => ((modes.get(path) ?? 0o111) & 0o111) !== 0o111)
      .map((path) => `${path} cannot be executed`),
  ];
}

const mostLines = 20;

/** `committed`: the report in `client/`, undefined if there is none. `made`: the report of what was built. */
export function apiFindings(file: string, committed: string | undefined, made: string): readonly string[] {
  const nameless = [...made.matchAll(/The symbol "(?<name>\w+)" needs to be exported/g)].map(
    ({ groups }) => `client/${file}: ${groups?.name} is part of the API and not exported: export it`,
  );
  if (committed === made) return nameless;
  const [before, after] = [committed ?? "", made].map((text) => text.split("\n"));
  const differences = [
    ...(before ?? []).filter((line) => !after?.includes(line)).map((line) => `  - ${line}`),
    ...(after ?? []).filter((line) => !before?.includes(line)).map((line) => `  + ${line}`),
  ];
  const more = differences.length > mostLines ? [`  and ${differences.length - mostLines} lines more`] : [];
  return [
    ...nameless,
    [
      `client/${file} is not the API that was built; if the change is meant, run npm run build:client -- --api`,
      ...differences.slice(0, mostLines),
      ...more,
    ].join("\n"),
  ];
}

/** Packages that the library imports: everything built but the executable, which has its own inside. */
function importedPackages(): ReadonlySet<string> {
  const places = ["client/dist/client", "client/dist/core", "client/dist/policy", "client/dist/log"];
  const code = [...readModules(root, places)].filter(([path]) => path.endsWith(".js"));
  return new Set(
    code.flatMap(([, { imports }]) =>
      imports.filter(({ kind }) => kind === "package").map(({ target }) => target),
    ),
  );
}

function nativeFiles(place: string): readonly string[] {
  return readdirSync(join(root, place), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".node"),
  );
}

async function lintFindings(tarball: string): Promise<readonly string[]> {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
  });
  const attw = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/@arethetypeswrong/cli/dist/index.js"),
      ...["--profile", "esm-only", "--no-definitely-typed", "--no-color", "--no-emoji", "--format", "ascii"],
      tarball,
    ],
    { encoding: "utf8", timeout: 120_000 },
  );
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`),
    ...(attw.status === 0 ? [] : [`attw: ${attw.stdout}${attw.stderr}`]),
  ];
}

if (import.meta.main) {
  const manifest = readClientManifest(root);
  await buildClient(manifest);
  const folder = mkdtempSync(join(tmpdir(), "vidimus-pack-"));
  try {
    const text = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
      cwd: join(root, "client"),
      encoding: "utf8",
    });
    const [packed] = z.tuple([packSchema]).parse(JSON.parse(text));
    const read = (name: string) => readFileSync(join(root, name), "utf8");
    const names = Object.keys(manifest.dependencies);
    report(
      `${manifest.name}: ${packed.files.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`,
      [
        ...sizeFindings(packed),
        ...fileFindings(packed, manifest),
        ...dependencyFindings(
          manifest.dependencies,
          importedPackages(),
          readManifest(read("package.json")).dependencies ?? {},
        ),
        ...closureFindings(readLock(read("package-lock.json")), names, nativeFiles),
        ...(await lintFindings(join(folder, packed.filename))),
        ...entriesOf(manifest).flatMap((entry) => {
          const page = `client/${entry.report}`;
          const committed = existsSync(join(root, page)) ? read(page) : undefined;
          return apiFindings(entry.report, committed, apiReport(root, entry));
        }),
      ],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
