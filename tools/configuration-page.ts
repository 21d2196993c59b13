/** Writes docs/configuration.md from the schema. `tools/docs.ts` fails when the committed page is another. */
import { writeFileSync } from "node:fs";
import { type ConfigurationKey, configurationKeys } from "../src/config/keys.ts";

const page = new URL("../docs/configuration.md", import.meta.url);

const introduction = `# Configuration

This page is made from the schema in \`src/config/schema.ts\` by \`npm run docs\`; do not edit it.

Values come from, strongest first: flags, environment variables, the file, defaults. The file is YAML, named by
\`--config FILE\` or the variable \`VIDIMUS_CONFIG\`; there is none by default. An unknown key is an error that names
a known one that is close to it, wherever it stands.

| source      | example                                                                         |
| ----------- | ------------------------------------------------------------------------------- |
| flag        | \`vidimus serve --port 8443\`, or for any key \`--set server.port=8443\`            |
| environment | \`VIDIMUS__SERVER__PORT=8443\`: two underscores between levels, one between words |
| file        | \`server: { port: 8443 }\`                                                        |

Durations are written as \`90s\`, \`15m\`, \`12h\` or \`14d\`, sizes as \`512KiB\` or \`32MiB\`: always with
their unit. In flags and variables, lists are separated by commas, and a structure is written as JSON. For a key that holds a secret, \`…_FILE=PATH\` is
the same as giving it \`file:PATH\`.

\`vidimus config check\` says whether a configuration is good, \`vidimus config show --origin\` what is in force and
where each value came from, \`vidimus config schema\` prints a JSON Schema for editors.
`;

function shown(value: unknown): string {
  if (value === undefined) return "–";
  const parts = typeof value === "object" && value !== null ? Object.values(value) : undefined;
  const text = parts === undefined ? String(value) : parts.length === 0 ? "empty" : parts.join(", ");
  return `\`${text}\``;
}

function section(row: ConfigurationKey): string {
  const values =
    row.choices === undefined ? row.kind : row.choices.map((choice) => `\`${choice}\``).join(", ");
  return `### \`${row.key}\`

${row.description}

Default ${shown(row.fallback)} · ${values} · \`${row.variable}${row.kind === "secret" ? "[_FILE]" : ""}\`
`;
}

/** The whole page. */
export function configurationPage(): string {
  const groups = Map.groupBy(configurationKeys, (row) => row.key.split(".")[0] ?? "");
  const body = [...groups].map(([group, rows]) => `## ${group}\n\n${rows.map(section).join("\n")}`);
  return `${[introduction, ...body].join("\n").trimEnd()}\n`;
}

if (import.meta.main) writeFileSync(page, configurationPage());
