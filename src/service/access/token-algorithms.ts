/** How tokens of callers may be signed. All are asymmetric: a public key is no secret. */
export const tokenAlgorithms: readonly string[] = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
  "Ed25519",
];
