/** Reading a policy as a server does, for commands that say what is in it. */
import type { TrustPolicy } from "../../policy/trust-policy.ts";

export interface PolicyFault {
  /** With file and line in front, where they are known. */
  readonly sentence: string;
  readonly line: number | undefined;
}

/** The policy; undefined if it cannot be used, which `wrong` is told. */
export async function readPolicyOr(
  file: string,
  wrong: (fault: PolicyFault) => void,
): Promise<TrustPolicy | undefined> {
  const { openServerPolicy, readServerPolicy } = await import("../../wire/policy-texts.ts");
  try {
    return (await openServerPolicy(await readServerPolicy(file))).policy;
  } catch (error) {
    const { explain, TrustError } = await import("../../client/errors.ts");
    const explanation = explain(error);
    if (explanation === undefined) throw error;
    wrong({ sentence: explanation.what, line: error instanceof TrustError ? error.line : undefined });
    return undefined;
  }
}
