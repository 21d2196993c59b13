/**
 * The policy file of a server: read when it starts and on SIGHUP by one process, opened in every process that holds
 * publications to it. A newer file that cannot be used leaves the policy in force.
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Policy } from "../policy/policy.ts";
import { StartError } from "../serve/errors.ts";
import type { PolicySource, ToldPolicy } from "../serve/told-policy.ts";
import { PolicyInForce } from "../service/policy-in-force.ts";
import type { PolicyTexts } from "./policy-texts.ts";

/** For strangers, who are told nothing of files. */
const stale =
  "the policy in force is an earlier one, because its file could not be used when it was read again: the log says why";

/** In a process that is told the policy. `told` was read and found good. */
export async function tellPolicy(config: Config, told: ToldPolicy): Promise<PolicyInForce> {
  const inForce = new PolicyInForce(await policyOf(config, told.texts));
  if (told.fault !== undefined) inForce.keep(told.fault);
  return inForce;
}

/** The same again, when it was read again. */
export async function retellPolicy(inForce: PolicyInForce, config: Config, told: ToldPolicy): Promise<void> {
  if (told.fault === undefined) inForce.replace(await policyOf(config, told.texts));
  else inForce.keep(told.fault);
}

/** Reads the policy file, if the configuration names one. Throws `StartError` (`POLICY_UNUSABLE`). */
export async function openPolicySource(config: Config, logger: Logger): Promise<PolicySource> {
  const { file } = config.policy;
  if (file === undefined)
    return { told: () => ({ texts: undefined, fault: undefined }), reload: async () => {} };
  const { readServerPolicy } = await import("./policy-texts.ts");
  const { explain } = await import("../client/errors.ts");
  const say = (error: unknown) => explain(error)?.what;
  let told: ToldPolicy;
  try {
    told = { texts: await readServerPolicy(file), fault: undefined };
  } catch (error) {
    throw new StartError("POLICY_UNUSABLE", say(error) ?? `The policy ${file} cannot be used.`, error);
  }
  let queue: Promise<void> = Promise.resolve();

  async function reload(path: string): Promise<void> {
    try {
      const texts = await readServerPolicy(path);
      const isSame = told.fault === undefined && isDeepStrictEqual(texts, told.texts);
      told = { texts, fault: undefined };
      const what = isSame
        ? "the policy was read again and has not changed"
        : "the policy was read again and is in force";
      logger.info({ file: path }, what);
    } catch (error) {
      told = { ...told, fault: stale };
      const reason = say(error);
      const about = reason === undefined ? { err: error } : { reason };
      logger.error({ file: path, ...about }, "the policy cannot be used, the old one stays in force");
    }
  }

  return {
    told: () => told,
    reload() {
      queue = queue.then(() => reload(file));
      return queue;
    },
  };
}

async function policyOf({ policy }: Config, texts: ToldPolicy["texts"]): Promise<Policy> {
  const { allowKeyReuseAcrossRoles, allowExampleKeys } = policy;
  const switches = { allowKeyReuseAcrossRoles, allowExampleKeys };
  if (texts === undefined) return { ...switches, file: undefined };
  const { openServerPolicy } = await import("./policy-texts.ts");
  return { ...switches, file: await openServerPolicy(texts as PolicyTexts) };
}
