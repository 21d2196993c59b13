/**
 * What the client's executable does without so that it starts sooner. All of it is about Node's own modules: the
 * bundle says and does the same.
 *
 * - An `import` of a built-in module makes a module with all its exports and reads every one of them, also those that
 *   Node loads when they are first read: from `node:crypto` that is all of Web Crypto. Asking the process for the module
 *   gives the same object, and reads what is named. An import in a form that is not known here stays as it is.
 * - Commander wants `node:child_process` for commands that are programs of their own, which there are none of.
 */
import type { Plugin } from "rolldown";

const builtin =
  /^import (?:(?<whole>[\w$]+)(?:, )?)?(?:\{ (?<named>[^{}]*) \})? from "(?<name>node:[\w/]+)";$/gm;

/** A chunk whose static imports of built-in modules are questions to the process. */
export function askForBuiltins(code: string): string {
  return code.replaceAll(builtin, (statement, ...rest) => {
    const { whole, named, name } = rest.at(-1) as Record<string, string | undefined>;
    const asked = `globalThis.process.getBuiltinModule("${name}")`;
    const parts = named?.replaceAll(" as ", ": ");
    if (whole === undefined) return parts === undefined ? statement : `const { ${parts} } = ${asked};`;
    const first = `const ${whole} = ${asked};`;
    return parts === undefined ? first : `${first}\nconst { ${parts} } = ${whole};`;
  });
}

const none = "\0none";

export const quickStart: Plugin = {
  name: "quick-start",
  resolveId(source, importer) {
    const isUnused =
      source === "node:child_process" && importer?.includes("/node_modules/commander/") === true;
    return isUnused ? none : undefined;
  },
  load: (id) => (id === none ? "export default {};" : undefined),
  renderChunk: (code) => askForBuiltins(code),
};
