/** The configuration in the words of the service. */
import type { Config } from "../config.ts";
import type { ExpirySettings } from "../service/expiry/watch.ts";
import type { OnlineKeySettings } from "../service/online/keys.ts";
import type { OnlineRoleSettings } from "../service/online/roles.ts";

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

export function expirySettings({ expiry }: Config): ExpirySettings {
  const days = [...new Set(expiry.announceDays.map(Number))];
  return { days, interval: expiry.checkInterval };
}
