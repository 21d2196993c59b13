import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const here = import.meta.dirname;

export default defineConfig({
  root: resolve(here, "../.."),
  test: {
    include: ["test/interop/**/*.test.ts"],
    globalSetup: [resolve(here, "support/setup.ts")],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
  },
});
