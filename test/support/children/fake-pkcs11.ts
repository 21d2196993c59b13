/**
 * A stand-in for the package pkcs11js with tokens of its own, loaded by the process that runs modules. Its "module" is a JSON
 * file (`FakeModule` in ../fake-token.ts) that says what the tokens hold and how they misbehave. What was called is written
 * beside it, and so is how often a PIN was wrong, which outlives the process.
 *
 * It knows nothing of `src`: names and numbers are from the standard.
 */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  privateEncrypt,
  sign,
} from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { FakeModule, FakeObject, FakeToken } from "../fake-token.ts";

export const CK_PARAMS_RSA_PSS = 5;

class CallError extends Error {
  readonly code: number;
  constructor(name: string, code: number) {
    super(name);
    this.code = code;
  }
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const numberOf = (bytes: Buffer) => Number(bytes.readBigUInt64LE());

interface Session {
  readonly token: FakeToken;
  found: number[];
  signing:
    | { readonly object: FakeObject; readonly mechanism: number; readonly parameter: object | undefined }
    | undefined;
  fresh: boolean;
}

export class PKCS11 {
  #path = "";
  #module: FakeModule = { tokens: [] };
  readonly #sessions = new Map<number, Session>();
  readonly #loggedIn = new Set<number>();
  #next = 1;

  #called(name: string): void {
    appendFileSync(`${this.#path}.log`, `${name}\n`);
    const misbehaviour = this.#module.on?.[name];
    if (misbehaviour === undefined) return;
    if (misbehaviour === "hang") for (;;);
    if (misbehaviour === "crash") process.abort();
    else if (misbehaviour === "exit") process.exit(3);
    else throw new CallError(misbehaviour.name, misbehaviour.code);
  }

  load(path: string): void {
    this.#path = path;
    this.#module = JSON.parse(readFileSync(path, "utf8"));
    this.#called("load");
  }
  close(): void {
    this.#called("close");
  }
  C_Initialize(): void {
    this.#called("C_Initialize");
  }
  C_Finalize(): void {
    this.#called("C_Finalize");
  }

  C_GetSlotList(): Buffer[] {
    this.#called("C_GetSlotList");
    // What is plugged in may have changed.
    this.#module = JSON.parse(readFileSync(this.#path, "utf8"));
    return this.#module.tokens.map(({ slot }) => number(slot));
  }

  C_GetTokenInfo(slot: Buffer) {
    const token = this.#tokenIn(slot);
    if (token.gone) throw new CallError("CKR_TOKEN_NOT_PRESENT", 0xe0);
    const wrong = this.#wrongPins(token);
    const most = token.tries ?? 3;
    const low = wrong > 0 ? 0x1_0000 : 0;
    const state = wrong >= most ? 0x4_0000 : wrong === most - 1 ? 0x2_0000 : 0;
    return {
      label: token.label.padEnd(32),
      manufacturerID: "Fakes Ltd".padEnd(32),
      model: "fake".padEnd(16),
      serialNumber: (token.serial ?? String(token.slot)).padEnd(16),
      flags: (token.flags ?? 0x40c) | low | state,
    };
  }

  C_GetMechanismList(slot: Buffer): number[] {
    return [...(this.#tokenIn(slot).mechanisms ?? [0x1041, 0x1057, 0xd, 0x250])];
  }
  C_GetMechanismInfo(_slot: Buffer, mechanism: number) {
    return { flags: mechanism === 0x250 ? 0x400 : 0x800 };
  }

  C_OpenSession(slot: Buffer): Buffer {
    this.#called("C_OpenSession");
    const session = { token: this.#tokenIn(slot), found: [], signing: undefined, fresh: false };
    this.#sessions.set(this.#next, session);
    return number(this.#next++);
  }

  C_CloseSession(handle: Buffer): void {
    this.#called("C_CloseSession");
    const { token } = this.#session(handle);
    this.#sessions.delete(numberOf(handle));
    if (![...this.#sessions.values()].some((each) => each.token === token)) this.#loggedIn.delete(token.slot);
  }

  C_Login(handle: Buffer, user: number, pin: string): void {
    this.#called("C_Login");
    const session = this.#session(handle);
    const { token } = session;
    const wrong = this.#wrongPins(token);
    if (wrong >= (token.tries ?? 3)) throw new CallError("CKR_PIN_LOCKED", 0xa4);
    if (pin !== token.pin) {
      this.#setWrongPins(token, wrong + 1);
      throw new CallError("CKR_PIN_INCORRECT", 0xa0);
    }
    this.#setWrongPins(token, 0);
    if (user === 2) session.fresh = true;
    else this.#loggedIn.add(token.slot);
  }

  C_FindObjectsInit(handle: Buffer, template: { type: number; value: number | Buffer }[]): void {
    this.#called("C_FindObjectsInit");
    const session = this.#session(handle);
    const { token } = session;
    const isMeant = (object: FakeObject) =>
      template.every(({ type, value }) => {
        const wanted = typeof value === "number" ? number(value) : value;
        return this.#attribute(object, type)?.equals(wanted) === true;
      });
    session.found = token.objects.flatMap((object, index) => {
      const visible = object.class !== 3 || this.#loggedIn.has(token.slot) || token.pin === undefined;
      return visible && isMeant(object) ? [index] : [];
    });
    if (token.endless) session.found = Array.from({ length: 100_000 }, () => 0);
  }
  C_FindObjects(handle: Buffer, most: number): Buffer[] {
    return this.#session(handle).found.splice(0, most).map(number);
  }
  C_FindObjectsFinal(): void {
    this.#called("C_FindObjectsFinal");
  }

  C_GetAttributeValue(handle: Buffer, object: Buffer, template: { type: number }[]) {
    const { objects } = this.#session(handle).token;
    return template.map(({ type }) => {
      const value = this.#attribute(objects[numberOf(object)] as FakeObject, type);
      if (value === undefined) throw new CallError("CKR_ATTRIBUTE_TYPE_INVALID", 0x12);
      return { type, value };
    });
  }

  C_SignInit(
    handle: Buffer,
    { mechanism, parameter }: { mechanism: number; parameter?: object },
    key: Buffer,
  ) {
    this.#called("C_SignInit");
    const session = this.#session(handle);
    if (session.signing !== undefined) throw new CallError("CKR_OPERATION_ACTIVE", 0x90);
    const object = session.token.objects[numberOf(key)] as FakeObject;
    session.signing = { object, mechanism, parameter };
  }

  C_Sign(handle: Buffer, data: Buffer, room: Buffer): Buffer {
    const session = this.#session(handle);
    const { signing, fresh } = session;
    session.signing = undefined;
    session.fresh = false;
    this.#called("C_Sign");
    if (signing === undefined) throw new CallError("CKR_OPERATION_NOT_INITIALIZED", 0x91);
    if (signing.object.always && !fresh) throw new CallError("CKR_USER_NOT_LOGGED_IN", 0x101);
    if (signing.object.wrong) return room.subarray(0, 64);
    const messageOf = (digest: Buffer) => this.#messageOf(digest);
    const { object, mechanism, parameter } = signing;
    return signed(createPrivateKey(object.privateKey), mechanism, parameter, data, messageOf);
  }

  /** Node signs messages and not digests; so the messages that will be signed are told beforehand. */
  #messageOf(digest: Buffer): Buffer {
    const messages = (this.#module.messages ?? []).map((message) => Buffer.from(message, "base64"));
    const message = messages.find((each) => hash("sha256", each, "buffer").equals(digest));
    if (message === undefined) throw new CallError("CKR_DATA_INVALID", 0x20);
    return message;
  }

  #attribute(object: FakeObject, type: number): Buffer | undefined {
    const override = object.attributes?.[type];
    if (override !== undefined) return override === null ? undefined : Buffer.from(override, "hex");
    switch (type) {
      case 0x0:
        return number(object.class);
      case 0x3:
        return Buffer.from(object.label);
      case 0x102:
        return Buffer.from(object.id, "hex");
      case 0x108:
        return Buffer.from([object.class === 3 ? 1 : 0]);
      case 0x202:
        return Buffer.from([object.always ? 1 : 0]);
      default:
        return object.class === 1 ? undefined : keyAttribute(createPublicKey(object.privateKey), type);
    }
  }

  #tokenIn(slot: Buffer): FakeToken {
    return this.#module.tokens.find((token) => token.slot === numberOf(slot)) as FakeToken;
  }
  #session(handle: Buffer): Session {
    const session = this.#sessions.get(numberOf(handle));
    if (session === undefined) throw new CallError("CKR_SESSION_HANDLE_INVALID", 0xb3);
    return session;
  }
  #wrongPins({ slot }: FakeToken): number {
    const file = `${this.#path}.wrong-${slot}`;
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  }
  #setWrongPins({ slot }: FakeToken, count: number): void {
    writeFileSync(`${this.#path}.wrong-${slot}`, String(count));
  }
}

const octetString = (content: Buffer) => {
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.from([4, ...length]), content]);
};

function keyAttribute(key: KeyObject, type: number): Buffer | undefined {
  const { kty, crv, x, y, n, e } = key.export({ format: "jwk" });
  const bytes = (text: string | undefined) => Buffer.from(text ?? "", "base64url");
  switch (`${kty} ${type}`) {
    case `EC ${0x100}`:
      return number(3);
    case `RSA ${0x100}`:
      return number(0);
    case `OKP ${0x100}`:
      return number(0x40);
    case `EC ${0x180}`: {
      const oids: Record<string, string> = {
        "P-256": "06082a8648ce3d030107",
        "P-384": "06052b81040022",
        "P-521": "06052b81040023",
      };
      return Buffer.from(oids[crv ?? ""] ?? "06052b8104000a", "hex");
    }
    case `OKP ${0x180}`:
      return Buffer.concat([Buffer.from([0x13, 12]), Buffer.from("edwards25519")]);
    case `EC ${0x181}`:
      return octetString(Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]));
    case `OKP ${0x181}`:
      return octetString(bytes(x));
    case `RSA ${0x120}`:
      return bytes(n);
    case `RSA ${0x122}`:
      return bytes(e);
    default:
      return undefined;
  }
}

/** As the standard says what each mechanism makes of its input. */
function signed(
  key: KeyObject,
  mechanism: number,
  parameter: object | undefined,
  data: Buffer,
  messageOf: (digest: Buffer) => Buffer,
): Buffer {
  const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  if (mechanism === 0xd || mechanism === 0x43) {
    const { type, hashAlg, mgf, saltLen } = parameter as Record<string, number>;
    if (type !== CK_PARAMS_RSA_PSS || hashAlg !== 0x250 || mgf !== 2 || saltLen !== 32) {
      throw new CallError("CKR_MECHANISM_PARAM_INVALID", 0x71);
    }
  }
  switch (mechanism) {
    case 0x1041:
      return sign("sha256", messageOf(data), { key, dsaEncoding: "ieee-p1363" });
    case 0x1057:
      return sign(null, data, key);
    case 0xd:
      return sign("sha256", messageOf(data), pss);
    case 0x43:
      return sign("sha256", data, pss);
    case 0x1:
      return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data);
    case 0x40:
      return sign("sha256", data, key);
    default:
      throw new CallError("CKR_MECHANISM_INVALID", 0x70);
  }
}
