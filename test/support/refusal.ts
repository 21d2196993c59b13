/** The code a promise or function was refused with; fails the test if it was not refused by one of ours. */
import { VidimusError } from "../../src/core/errors.ts";

export async function refusalOf(work: Promise<unknown> | (() => unknown)): Promise<VidimusError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof VidimusError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  return (await refusalOf(work)).code;
}
