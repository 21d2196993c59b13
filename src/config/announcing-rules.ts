/** What belongs together in the keys of what is announced. */
import { problem, type Rule } from "./rule.ts";

const knownDays: Rule = ({ expiry }) => {
  const { announceDays } = expiry;
  const bad = announceDays.find((text) => !/^[1-9][0-9]{0,3}$/.test(text));
  if (bad === undefined && announceDays.length <= 20) return undefined;
  return problem(
    "BAD_VALUE",
    "expiry.announceDays",
    "expiry.announceDays must be at most 20 whole numbers of days from 1 to 9999.",
  );
};

const knownWebhooks: Rule = ({ webhooks }) => {
  const bad = webhooks.urls.find((text) => !isWebhook(text, webhooks.allowPrivate));
  if (bad !== undefined) {
    return problem(
      "BAD_VALUE",
      "webhooks.urls",
      `webhooks.urls: number ${webhooks.urls.indexOf(bad) + 1} must be an https address without user and fragment (http only with webhooks.allowPrivate).`,
    );
  }
  if (new Set(webhooks.urls).size === webhooks.urls.length && webhooks.urls.length <= 16) return undefined;
  return problem("BAD_VALUE", "webhooks.urls", "webhooks.urls: name each receiver once, and at most 16.");
};

/** Its path may be a secret, so messages give its place in the list. */
function isWebhook(text: string, plain: boolean): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (plain && url.protocol === "http:");
}

const webhookSecrets: Rule = ({ webhooks }) => {
  const { urls, secrets } = webhooks;
  const bad = secrets.findIndex(
    (source) => !/^(?:file:.|env:[A-Za-z_][A-Za-z0-9_]*$|credential:[A-Za-z0-9._-]+$)/.test(source),
  );
  if (bad !== -1) {
    return problem(
      "BAD_VALUE",
      "webhooks.secrets",
      `webhooks.secrets: number ${bad + 1} must be file:PATH, env:NAME or credential:NAME.`,
    );
  }
  if (urls.length === 0 ? secrets.length === 0 : secrets.length === 1 || secrets.length === urls.length) {
    return undefined;
  }
  return problem(
    "CONTRADICTION",
    "webhooks.secrets",
    "webhooks.secrets must name one secret for each of webhooks.urls, or one for all of them.",
  );
};

export const announcingRules: readonly Rule[] = [knownDays, knownWebhooks, webhookSecrets];
