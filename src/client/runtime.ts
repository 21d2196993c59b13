/** The oldest Node that has everything this client is written with; the package's `engines` say the same. */
import { TrustError } from "./errors.ts";

const oldest = [22, 12] as const;

/**
 * Throws `RUNTIME_TOO_OLD`: an older one would fail in the midst of a verification, with words that help nobody.
 * @param version as `process.versions.node`: `22.12.0`
 */
export function checkRuntime(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return;
  throw new TrustError(
    "RUNTIME_TOO_OLD",
    `This is Node ${version.slice(0, 32)}; the client needs Node ${oldest.join(".")} or newer.`,
  );
}
