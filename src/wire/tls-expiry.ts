/** The certificates that this server shows to clients, as they lie there whenever somebody looks. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Config } from "../config.ts";
import { tlsPaths } from "../serve/tls-paths.ts";
import { systemClock } from "../service/clock.ts";
import type { Expiry } from "../service/expiry/expiry-service.ts";
import { subjectOf } from "../service/expiry/facts.ts";
import type { ExpirySource } from "../service/expiry/watch.ts";

/** The server renews its own certificate when 30 days are left: what has fewer was not renewed. */
const renewed = 28 * 86_400_000;

export function openTlsSource({ server, operations, tls, data }: Config): ExpirySource {
  const isUsed = !server.plainHttp || (operations.enabled && !operations.plainHttp);
  const own = tlsPaths(resolve(data));
  const files = tls.certificate === undefined ? [own.authority, own.server] : [tls.certificate];
  return {
    async expiries() {
      return isUsed ? files.flatMap((file) => endOf(file, file === own.server)) : [];
    },
  };
}

/** Nothing where the file cannot be read: that stops a start, and is no matter of time. */
function endOf(file: string, isRenewed: boolean): Expiry[] {
  let certificate: X509Certificate;
  try {
    const [pem = ""] =
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(readFileSync(file, "latin1")) ?? [];
    certificate = new X509Certificate(pem);
  } catch {
    return [];
  }
  const expires = certificate.validToDate.getTime();
  if (isRenewed && expires - systemClock.now() > renewed) return [];
  const place = { repository: "", role: "", keyId: "" };
  return [{ ...place, kind: "tls_certificate", name: subjectOf(certificate), expires }];
}
