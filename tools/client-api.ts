/**
 * What an entry of the client's package lets its users see, as one readable page: made from the declarations that were
 * built, so it says nothing about sources or about the machine.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import type { Entry } from "./client-manifest.ts";

const silent = { logLevel: ExtractorLogLevel.None, addToApiReportFile: false };
const reported = { logLevel: ExtractorLogLevel.None, addToApiReportFile: true };

/** Throws when the declarations do not compile. */
export function apiReport(root: string, entry: Entry): string {
  const folder = mkdtempSync(join(tmpdir(), "vidimus-api-"));
  try {
    const projectFolder = join(root, "client");
    const config = ExtractorConfig.prepare({
      configObject: {
        projectFolder,
        mainEntryPointFilePath: join(projectFolder, "dist", `${entry.path}.d.ts`),
        compiler: {
          overrideTsconfig: {
            compilerOptions: {
              module: "nodenext",
              target: "es2024",
              lib: ["es2024"],
              types: ["node"],
              strict: true,
            },
            files: [join(projectFolder, "dist", `${entry.path}.d.ts`)],
          },
        },
        apiReport: {
          enabled: true,
          reportFileName: entry.report,
          reportFolder: folder,
          reportTempFolder: join(folder, "temp"),
        },
        newlineKind: "lf",
        messages: {
          compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
          extractorMessageReporting: {
            default: reported,
            // Whatever is exported is public.
            "ae-missing-release-tag": silent,
            "ae-undocumented": silent,
          },
          // Comments are written for people, not as TSDoc.
          tsdocMessageReporting: { default: silent },
        },
      },
      configObjectFullPath: undefined,
      packageJsonFullPath: join(projectFolder, "package.json"),
    });
    const problems: string[] = [];
    const { succeeded } = Extractor.invoke(config, {
      localBuild: true,
      messageCallback(message) {
        if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.text);
        message.handled = true;
      },
    });
    if (!succeeded) throw new Error(`The declarations of ${entry.name}: ${problems.join("; ")}`);
    return readable(readFileSync(join(folder, entry.report), "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Without the remarks on names that need no comment. */
function readable(report: string): string {
  return report
    .replaceAll(/^ *\/\/ \(undocumented\)\n/gm, "")
    .replaceAll(" (undocumented)", "")
    .replace("// (No @packageDocumentation comment for this package)\n\n", "");
}
