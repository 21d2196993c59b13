import { defineConfig } from "vitest/config";

const report = process.env.VIDIMUS_TEST_REPORT;

export default defineConfig({
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "test/image/**", "test/faults/**"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
