/** The keys of what is announced: when, and to whom. */
import { z } from "zod";
import { duration, list, text, textWithDefault, toggle } from "./fields.ts";

export const expiry = z.strictObject({
  announceDays: list(
    ["90", "30", "14", "7", "3", "1"],
    "How many days ahead the end of roles, certificates and tokens is announced, once each.",
  ),
  checkInterval: duration(
    { least: "1m", most: "24h", value: "1h" },
    "How often the server looks for what nears its end.",
  ),
});

export const webhooks = z.strictObject({
  urls: list(
    [],
    "Addresses that announcements are sent to, by a signed POST each: what nears its end, and whatever else docs/expiry.md names. https only, unless webhooks.allowPrivate.",
  ),
  secrets: list(
    [],
    "Where the signing secrets of webhooks.urls lie, one for each in the same order, or one for all: file:PATH, env:NAME or credential:NAME. A secret is whsec_ and at least 24 bytes in Base64; several, with spaces between them, all sign.",
  ),
  source: textWithDefault(
    "vidimus",
    "Name of this server in what is sent (CloudEvents `source`, a URI reference).",
  ),
  ca: text("PEM file with authorities of the receivers' certificates, in the place of the usual ones."),
  timeout: duration({ least: "1s", most: "60s", value: "10s" }, "Time for one delivery."),
  allowPrivate: toggle(
    false,
    "Send to private, loopback and link-local addresses, too, and by plain HTTP where a URL says so.",
  ),
});
