import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const report = process.env.VIDIMUS_TEST_REPORT;

export default defineConfig({
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "test/image/**", "test/faults/**"],
    // Many files wait for processes of their own: on two cores, two of them go on side by side.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
