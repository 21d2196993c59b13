/**
 * What the manifest of the client's package says of itself, and from which sources that is built.
 *
 * `dist` is laid out like `src`: the entry `./dist/client/list.js` comes from `src/client/list.ts`. An executable is
 * bundled from one source of its own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** The executable's source; its dependencies go into the bundle and not into the manifest. */
export const executableSource = "src/client/cli/main.ts";

const manifestSchema = z.looseObject({
  name: z.string(),
  engines: z.looseObject({ node: z.string() }),
  exports: z.record(
    z.string().regex(/^\.(?:\/[a-z-]+)?$/),
    z.strictObject({
      types: z.string().regex(/^\.\/dist\/client\/[a-z-]+\.d\.ts$/),
      default: z.string().regex(/^\.\/dist\/client\/[a-z-]+\.js$/),
    }),
  ),
  bin: z.record(z.string(), z.string().regex(/^dist\/bin\/[a-z-]+\.js$/)).default({}),
  dependencies: z.record(z.string(), z.string()).default({}),
});
export type ClientManifest = z.infer<typeof manifestSchema>;

export interface Entry {
  /** As it is imported: `@vidimus/client/list`. */
  readonly name: string;
  /** Without an ending: `client/list`, below `src` and below `dist`. */
  readonly path: string;
  /** The file of its API report, in the folder of the manifest. */
  readonly report: string;
}

/** @throws when a sub-path, the place of an entry or of an executable is written otherwise than the build makes it. */
export function readClientManifest(root: string): ClientManifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(root, "client/package.json"), "utf8")));
}

/** @throws when the types of an entry are not those of its code. */
export function entriesOf({ name, exports }: ClientManifest): readonly Entry[] {
  return Object.entries(exports).map(([subPath, { types, default: code }]) => {
    const path = code.slice("./dist/".length, -".js".length);
    if (types !== `./dist/${path}.d.ts`)
      throw new Error(`client/package.json: ${types} are not the types of ${code}`);
    const word = subPath.slice("./".length);
    return { name: word === "" ? name : `${name}/${word}`, path, report: `${word || "client"}.api.md` };
  });
}
