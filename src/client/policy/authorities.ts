/** The authorities that a policy pins: whole PEM certificates, and nothing that merely looks like one. */
import { X509Certificate } from "node:crypto";
import { TrustError } from "../errors.ts";

const mostAuthorities = 256;
const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/g;

/** Throws `POLICY_INVALID`. */
export function readAuthorities(text: string): readonly X509Certificate[] {
  const blocks = text.match(block) ?? [];
  const begun = text.split("-----BEGIN CERTIFICATE-----").length - 1;
  if (blocks.length === 0 || blocks.length > mostAuthorities || blocks.length !== begun) {
    throw new TrustError(
      "POLICY_INVALID",
      `Give 1 to ${mostAuthorities} whole PEM certificates of authorities there.`,
    );
  }
  try {
    return blocks.map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw new TrustError("POLICY_INVALID", "A certificate of a pinned authority cannot be read.", { cause });
  }
}
