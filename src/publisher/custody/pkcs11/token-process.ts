/**
 * The process in which the vendor's module runs: it answers the questions of `messages.ts`, one after the other, and ends when
 * nobody asks any more.
 *
 * PKCS#11 calls block, and a module is somebody else's native code. Here it can hang or crash alone, sees no other keys, and
 * what it remembers of a PIN ends with the process.
 */
import * as ck from "./constants.ts";
import { type Attribute, type Driver, type Handle, loadDriver, type Pkcs11 } from "./driver.ts";
import type {
  Answer,
  Mechanism,
  PrivateKey,
  PublicObject,
  Question,
  Refusal,
  TokenInfo,
} from "./messages.ts";
import { attribute, find, numberOf, publicObjects, text, unpadded } from "./reading.ts";

const mostSlots = 64;
const largestSignature = 2_048;

let driver: Driver | undefined;
let pkcs11: Pkcs11 | undefined;
const slots = new Map<number, Handle>();
/** A session that is logged in, for each slot, and the private keys that were found in it. */
const sessions = new Map<number, { readonly session: Handle; readonly keys: Handle[] }>();

class Refused extends Error {
  readonly of: Refusal["of"];
  constructor(of: Refusal["of"], cause?: unknown) {
    super(of, { cause });
    this.of = of;
  }
}

async function answer(question: Question): Promise<unknown> {
  switch (question.name) {
    case "start":
      return start(question.driver, question.module);
    case "tokens":
      return tokens(question.mechanisms);
    case "objects":
      return objects(question.slot);
    case "login":
      return login(question.slot, question.pin);
    case "privateKeys":
      return privateKeys(question.slot, question.keyType, question.id);
    case "sign":
      return sign(question);
    case "logout":
      return logout(question.slot);
    case "end":
      return end();
  }
}

async function start(named: string | undefined, module: string): Promise<void> {
  try {
    driver = await loadDriver(named);
  } catch (cause) {
    throw new Refused("driver", cause);
  }
  const loading = new driver.PKCS11();
  try {
    loading.load(module);
    loading.C_Initialize();
  } catch (cause) {
    throw new Refused("module", cause);
  }
  pkcs11 = loading;
}

function module(): Pkcs11 {
  if (pkcs11 === undefined) throw new Refused("module");
  return pkcs11;
}

function tokens(wanted: readonly number[]): readonly TokenInfo[] {
  slots.clear();
  return module()
    .C_GetSlotList(true)
    .slice(0, mostSlots)
    .flatMap((handle) => tokenIn(handle, wanted) ?? []);
}

/** Undefined for one that was taken out this moment, or was never set up. */
function tokenIn(handle: Handle, wanted: readonly number[]): TokenInfo | undefined {
  const p = module();
  try {
    const { label, serialNumber, manufacturerID, model, flags } = p.C_GetTokenInfo(handle);
    if ((flags & ck.CKF_TOKEN_INITIALIZED) === 0) return undefined;
    const has = p.C_GetMechanismList(handle);
    const mechanisms = wanted.filter(
      (each) => has.includes(each) && (p.C_GetMechanismInfo(handle, each).flags & ck.CKF_SIGN) !== 0,
    );
    const slot = numberOf(handle);
    slots.set(slot, handle);
    return {
      slot,
      label: unpadded(label),
      serial: unpadded(serialNumber),
      manufacturer: unpadded(manufacturerID),
      model: unpadded(model),
      flags,
      mechanisms,
    };
  } catch (error) {
    if (absent.includes(refusalOf(error).rv)) return undefined;
    throw error;
  }
}

const absent: readonly number[] = [ck.CKR_TOKEN_NOT_PRESENT, ck.CKR_TOKEN_NOT_RECOGNIZED];

function objects(slot: number): readonly PublicObject[] {
  const p = module();
  const held = sessions.get(slot)?.session;
  const session = held ?? p.C_OpenSession(slotHandle(slot), ck.CKF_SERIAL_SESSION);
  try {
    return publicObjects(p, session);
  } finally {
    if (held === undefined) p.C_CloseSession(session);
  }
}

function login(slot: number, pin: Uint8Array | undefined): void {
  const session = module().C_OpenSession(slotHandle(slot), ck.CKF_SERIAL_SESSION);
  try {
    if (pin !== undefined) module().C_Login(session, ck.CKU_USER, text(pin));
  } catch (error) {
    // Some modules log in for all programs of a person.
    if (refusalOf(error).rv !== ck.CKR_USER_ALREADY_LOGGED_IN) {
      module().C_CloseSession(session);
      throw error;
    }
  }
  sessions.set(slot, { session, keys: [] });
}

function privateKeys(slot: number, keyType: number | undefined, id: Uint8Array): readonly PrivateKey[] {
  const p = module();
  const { session, keys } = loggedIn(slot);
  const template: Attribute[] = [{ type: ck.CKA_CLASS, value: ck.CKO_PRIVATE_KEY }];
  if (keyType !== undefined) template.push({ type: ck.CKA_KEY_TYPE, value: keyType });
  if (id.length > 0) template.push({ type: ck.CKA_ID, value: Buffer.from(id) });
  return find(p, session, template).map((object) => {
    keys.push(object);
    return {
      handle: keys.length - 1,
      label: text(attribute(p, session, object, ck.CKA_LABEL)),
      signs: attribute(p, session, object, ck.CKA_SIGN)?.[0] !== 0,
      always: attribute(p, session, object, ck.CKA_ALWAYS_AUTHENTICATE)?.[0] === 1,
    };
  });
}

function sign({ slot, handle, mechanism, data, pin }: Extract<Question, { name: "sign" }>): Uint8Array {
  const p = module();
  const { session, keys } = loggedIn(slot);
  p.C_SignInit(session, parameters(mechanism), keys[handle] as Handle);
  // Of an empty buffer a module sees no address, and some refuse that.
  const message = Buffer.concat([data, Buffer.alloc(1)]).subarray(0, data.length);
  const room = Buffer.alloc(largestSignature);
  if (pin !== undefined) {
    try {
      p.C_Login(session, ck.CKU_CONTEXT_SPECIFIC, text(pin));
    } catch (error) {
      // What was begun must end, or the session takes no other signature.
      try {
        p.C_Sign(session, message, room);
      } catch {}
      throw error;
    }
  }
  return p.C_Sign(session, message, room);
}

function parameters({ number, pss }: Mechanism) {
  if (!pss) return { mechanism: number };
  const type = driver?.CK_PARAMS_RSA_PSS;
  const parameter = { type, hashAlg: ck.CKM_SHA256, mgf: ck.CKG_MGF1_SHA256, saltLen: 32 };
  return { mechanism: number, parameter };
}

function logout(slot: number): void {
  const held = sessions.get(slot);
  sessions.delete(slot);
  if (held !== undefined) module().C_CloseSession(held.session);
}

function end(): void {
  const ending = pkcs11;
  pkcs11 = undefined;
  for (const { session } of sessions.values()) ending?.C_CloseSession(session);
  sessions.clear();
  ending?.C_Finalize();
  ending?.close();
}

function loggedIn(slot: number) {
  const held = sessions.get(slot);
  if (held === undefined) throw gone("CKR_SESSION_HANDLE_INVALID", ck.CKR_SESSION_HANDLE_INVALID);
  return held;
}

function slotHandle(slot: number): Handle {
  const handle = slots.get(slot);
  if (handle === undefined) throw gone("CKR_TOKEN_NOT_PRESENT", ck.CKR_TOKEN_NOT_PRESENT);
  return handle;
}

/** As the module would say it. */
function gone(name: string, code: number): Error {
  return Object.assign(new Error(name), { code });
}

function refusalOf(error: unknown): Refusal {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const rvName = /^CKR_[A-Z0-9_]{1,64}$/.exec(String(message))?.[0] ?? "";
  return {
    of: error instanceof Refused ? error.of : "call",
    rv: typeof code === "number" ? code : 0,
    rvName,
  };
}

async function reply(question: Question): Promise<void> {
  const result = await answer(question).then(
    (value): Answer => ({ value }),
    (error: unknown): Answer => ({ refusal: refusalOf(error) }),
  );
  process.send?.(result, undefined, {}, () => {
    if (question.name === "end") process.disconnect();
  });
}

process.on("message", (question: Question) => void reply(question));
process.on("disconnect", () => {
  try {
    end();
  } finally {
    process.exit();
  }
});
