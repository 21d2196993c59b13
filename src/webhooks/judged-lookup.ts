/** Looking a name up for a connection: the addresses that it leads to are judged, and the connection goes to one that was. */
import type { lookup as resolveName } from "node:dns";
import type { LookupFunction } from "node:net";
import { isPublicAddress } from "./addresses.ts";

export interface Judging {
  readonly allowPrivate: boolean;
  readonly resolve: typeof resolveName;
  /** Why a name is refused that leads to any other than public addresses. */
  readonly refusal: string;
}

export function judgedLookup({ allowPrivate, resolve, refusal }: Judging): LookupFunction {
  return (hostname, { all, family }, callback) => {
    resolve(hostname, { all: true, family: family ?? 0 }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      if (!allowPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(new Error(refusal), "", 0);
      }
      if (all === true) return callback(null, addresses);
      const [first] = addresses;
      return callback(null, first?.address ?? "", first?.family ?? 4);
    });
  };
}
