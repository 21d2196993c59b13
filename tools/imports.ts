/**
 * Holds the sources to `tools/import-table.ts`, and refuses cycles between files anywhere.
 *
 *   node tools/imports.ts
 *
 * One line for each finding, naming file, import and rule; exit code 1 when there is one.
 */
import { report, root } from "./findings.ts";
import { type Row, table } from "./import-table.ts";
import { impure } from "./impure.ts";
import { cycles, type Import, type Module, type Modules, readModules, sourcePlaces } from "./modules.ts";

/** Fewer modules than this were never a whole source tree: then the reading is broken, and nothing is proven. */
const fewest = 50;

/** Ways around the imports that this check reads. */
const detours =
  /\bcreateRequire\b|\bgetBuiltinModule\b|\bprocess\.(?:binding|dlopen)\b|\beval\(|\bnew Function\(/;

function covers(place: string, path: string): boolean {
  return path === `${place}.ts` || path.startsWith(`${place}/`);
}

function rowOf(path: string, rows: readonly Row[]): Row | undefined {
  return rows
    .filter(({ place }) => covers(place, path))
    .reduce<Row | undefined>(
      (longest, row) => (longest && longest.place.length > row.place.length ? longest : row),
      undefined,
    );
}

/** Findings about the files of `src`, in their order. */
export function tableFindings(modules: Modules, rows: readonly Row[] = table): readonly string[] {
  return [...modules.values()]
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap((module) => {
      const row = rowOf(module.path, rows);
      if (row === undefined) return [`${module.path}: no row of the import table is about it`];
      return [
        ...module.imports.flatMap((each) => importFindings(module, each, row, modules, rows)),
        ...textFindings(module, row),
      ];
    });
}

function importFindings(
  { path }: Module,
  each: Import,
  row: Row,
  modules: Modules,
  rows: readonly Row[],
): readonly string[] {
  const says = (rule: string) => [`${path}: ${each.specifier}: ${rule}`];
  if (each.kind === "package") {
    return row.packages.includes(each.target) ? [] : says(`${row.place} may not use this package`);
  }
  if (each.kind === "builtin") {
    if (!each.specifier.startsWith("node:")) return says('a built-in module is named with "node:"');
    return row.builtins.includes(each.target) ? [] : says(`${row.place} may not use this built-in module`);
  }
  if (!modules.has(each.target)) return says("there is no such file");
  const target = rowOf(each.target, rows);
  if (target === undefined) return says("only what lies in src may be imported there");
  const open = [row.place, ...row.ours].some(
    (place) => covers(place, each.target) && place.length >= target.place.length,
  );
  if (!open) return says(`${row.place} may not import ${target.place}`);
  const late = row.lazily?.some((place) => covers(place, each.target) && place.length >= target.place.length);
  return late && !each.lazy && !each.typeOnly ? says(`${row.place} may load it only by import()`) : [];
}

function textFindings({ path, text, unreadable }: Module, row: Row): readonly string[] {
  const findings: string[] = [];
  if (unreadable > (row.strangers ?? 0))
    findings.push(`${path}: imports in a form that cannot be checked: ${unreadable}`);
  const detour = detours.exec(text)?.[0];
  if (detour !== undefined) findings.push(`${path}: ${detour}: a way around the import table`);
  for (const [pattern, word] of row.pure ? impure : []) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) findings.push(`${path}: ${found}: ${row.place} is pure and may not use ${word}`);
  }
  return findings;
}

/** A finding for each cycle, with the whole way round. */
export function cycleFindings(modules: Modules): readonly string[] {
  return cycles(modules).map((cycle) => `a cycle: ${cycle.join(" → ")}`);
}

if (import.meta.main) {
  const modules = readModules(root, sourcePlaces);
  const findings = [...tableFindings(modules), ...cycleFindings(modules)];
  if (modules.size < fewest) findings.push(`only ${modules.size} modules were found`);
  report(`${modules.size} modules`, findings);
}
