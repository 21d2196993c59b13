/** The configuration in the words of the service. */
import type { Config } from "../config.ts";
import type { OnlineKeySettings } from "../service/online-keys.ts";
import type { OnlineRoleSettings } from "../service/online-roles.ts";

export function keySettings({ signer, online }: Config): OnlineKeySettings {
  return {
    algorithm: signer.algorithm,
    mostPending: online.pendingKeys.most,
    pendingLifetime: online.pendingKeys.lifetime,
  };
}

export function roleSettings({ online }: Config): OnlineRoleSettings {
  return {
    timestampLifetime: online.timestamp.lifetime,
    snapshotLifetime: online.snapshot.lifetime,
    renewAfter: online.renewal,
  };
}
