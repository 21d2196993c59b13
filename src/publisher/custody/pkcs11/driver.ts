/**
 * The package pkcs11js, as much of it as is used, and how it is found. It is native code that is compiled when it is installed,
 * so it is no dependency: who has a token installs it.
 *
 * It is looked for in two places: where the person says, and where this program itself is installed. Never in the directory one
 * happens to stand in: whoever fills that would be handed the PIN.
 */
import { extname } from "node:path";
import { pathToFileURL } from "node:url";

export type Handle = Buffer;

export interface Attribute {
  readonly type: number;
  readonly value?: number | Buffer;
}

export interface Pkcs11 {
  load(path: string): void;
  close(): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): {
    readonly label: string;
    readonly manufacturerID: string;
    readonly model: string;
    readonly serialNumber: string;
    readonly flags: number;
  };
  C_GetMechanismList(slot: Handle): number[];
  C_GetMechanismInfo(slot: Handle, mechanism: number): { readonly flags: number };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, userType: number, pin: string): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, most: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, object: Handle, template: readonly Attribute[]): { value: Buffer }[];
  C_SignInit(
    session: Handle,
    mechanism: { readonly mechanism: number; readonly parameter?: object },
    key: Handle,
  ): void;
  C_Sign(session: Handle, data: Buffer, room: Buffer): Buffer;
}

export interface Driver {
  readonly PKCS11: new () => Pkcs11;
  readonly CK_PARAMS_RSA_PSS: number;
}

/** @param named folder of the package, or the file to load; without it the package beside this program */
export async function loadDriver(named: string | undefined): Promise<Driver> {
  const place =
    named === undefined ? "pkcs11js" : pathToFileURL(extname(named) ? named : `${named}/index.js`).href;
  const loaded: { default?: Partial<Driver> } & Partial<Driver> = await import(place);
  const driver = loaded.default ?? loaded;
  if (typeof driver.PKCS11 !== "function") throw new TypeError("not the package pkcs11js");
  return driver as Driver;
}
