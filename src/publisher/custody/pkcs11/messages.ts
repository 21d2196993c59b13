/** What the two processes say to each other: one question at a time, one answer to each. Bytes cross as they are. */

export interface TokenInfo {
  readonly slot: number;
  readonly label: string;
  readonly serial: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly flags: number;
  /** The mechanisms that sign, of those that matter here. */
  readonly mechanisms: readonly number[];
}

/** A public key or certificate, with its attributes as the token gives them. */
export interface PublicObject {
  readonly class: number;
  readonly label: string;
  readonly id: Uint8Array;
  /** CKA_KEY_TYPE; undefined for a certificate. */
  readonly keyType: number | undefined;
  /** By the number of the attribute. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/** A private key, by a number that is good until the token is logged out of. */
export interface PrivateKey {
  readonly handle: number;
  readonly label: string;
  readonly signs: boolean;
  /** CKA_ALWAYS_AUTHENTICATE: the PIN is wanted for each signature. */
  readonly always: boolean;
}

export interface Mechanism {
  readonly number: number;
  /** PSS with SHA-256 and a salt of 32 bytes. */
  readonly pss: boolean;
}

export interface Questions {
  /** Loads the driver and, with it, the module. */
  start: { ask: { driver: string | undefined; module: string }; answer: undefined };
  tokens: { ask: { mechanisms: readonly number[] }; answer: readonly TokenInfo[] };
  objects: { ask: { slot: number }; answer: readonly PublicObject[] };
  /** Opens a session that stays, and logs in. */
  login: { ask: { slot: number; pin: Uint8Array | undefined }; answer: undefined };
  privateKeys: {
    ask: { slot: number; keyType: number | undefined; id: Uint8Array };
    answer: readonly PrivateKey[];
  };
  sign: {
    ask: {
      slot: number;
      handle: number;
      mechanism: Mechanism;
      data: Uint8Array;
      pin: Uint8Array | undefined;
    };
    answer: Uint8Array;
  };
  /** Closes the session of `login`, which logs out. */
  logout: { ask: { slot: number }; answer: undefined };
  /** Finalises the module; the process ends after the answer. */
  end: { ask: Record<string, never>; answer: undefined };
}
export type QuestionName = keyof Questions;
export type Question = { [N in QuestionName]: { readonly name: N } & Questions[N]["ask"] }[QuestionName];

/** Who refused: our way to the driver, the module as a whole, or a call by its CKR number. */
export interface Refusal {
  readonly of: "driver" | "module" | "call";
  /** 0 without one. */
  readonly rv: number;
  /** Name of the number; empty without one. */
  readonly rvName: string;
}

export type Answer = { readonly value: unknown } | { readonly refusal: Refusal };
