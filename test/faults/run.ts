/**
 * `npm run test:faults`: vitest with the suite's configuration.
 *
 *   npm run test:faults -- [--full] [--seed NUMBER] [what vitest takes]
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const { values, tokens } = parseArgs({
  options: { full: { type: "boolean" }, seed: { type: "string" } },
  strict: false,
  tokens: true,
});
const own = new Set(
  tokens.flatMap((token) => {
    if (token.kind !== "option" || !["full", "seed"].includes(token.name)) return [];
    return token.name === "seed" && token.inlineValue === false
      ? [token.index, token.index + 1]
      : [token.index];
  }),
);
const rest = process.argv.slice(2).filter((_, i) => !own.has(i));
const vitest = resolve(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const config = resolve(import.meta.dirname, "vitest.config.ts");
const { status } = spawnSync(process.execPath, [vitest, "run", "--config", config, ...rest], {
  stdio: "inherit",
  env: {
    ...process.env,
    ...(values.full === true && { VIDIMUS_FAULTS: "full" }),
    ...(typeof values.seed === "string" && { VIDIMUS_SEED: values.seed }),
  },
});
process.exitCode = status ?? 1;
